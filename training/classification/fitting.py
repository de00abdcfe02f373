"""The loop that fits a classifier: one-cycle AdamW, best epoch kept; needs torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.checkpoints import Checkpoints
from training.classification.networks import Classifier, probabilities
from training.classification.optimizer import EagerAdamW
from training.classification.pixels import Labelled, batches, move, recolour
from training.protocol import Report, TrainingFailed
from training.stopping import StoppedEarly, Stopping
from utils import plural

if TYPE_CHECKING:
    from training.classification.trainer import ClassificationParams

_SMALLEST_BATCH = 16
_FEWEST_STEPS = 120
_REPORTS_AN_EPOCH = 10
_LOGGED_EPOCHS = 20
_LABEL_SMOOTHING = 0.05
_WARM_UP = 0.25
_HEAD_SHARE = 0.2
_BACKBONE_RATE = 0.2


@dataclass(frozen=True)
class Schedule:
    """How often the optimiser steps.

    Attributes:
        repeats: times each image is shown in one epoch.
        steps: batches in one epoch.
    """

    batch: int
    repeats: int
    steps: int

    @classmethod
    def of(cls, images: int, batch: int, epochs: int) -> Schedule:
        """Small data gets smaller batches, and its images more than once an epoch until the steps are enough."""
        batch = min(batch, max(_SMALLEST_BATCH, images // 8))
        wanted = max(batch, math.ceil(_FEWEST_STEPS * batch / epochs))
        repeats = math.ceil(wanted / images)
        return cls(batch, repeats, math.ceil(images * repeats / batch))


class Fitter:
    """One training of one model on one device."""

    def __init__(self, model: Classifier, params: ClassificationParams, images: int, device: torch.device):
        self._params = params
        self._device = device
        self._model = model.to(device)
        # Convolutions on the CPU are faster with the channels of a pixel side by side.
        model.network.to(memory_format=torch.channels_last)
        self._random = torch.Generator().manual_seed(params.seed)
        self._schedule = Schedule.of(images, params.batch, params.epochs)
        self._total_steps = self._schedule.steps * params.epochs
        self._steps_done = 0
        groups = _parameter_groups(model, params)
        self._optimizer = EagerAdamW(groups, fused=True)
        # One cycle of the learning rate, as long as the training is (https://arxiv.org/abs/1708.07120).
        self._rate = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer,
            [group["lr"] for group in groups],
            total_steps=self._total_steps + 1,
            pct_start=_WARM_UP,
        )
        self._history: list[dict[str, float]] = []
        self._best: dict[str, Tensor] = {}

    def resume(self, path: Path) -> int:
        """Take over the state that `save` wrote; gives how many epochs are finished.

        Raises:
            Exception: of any kind, when it cannot be read or is of another network; this fitter is spoilt then.
        """
        # Nothing but tensors and plain values is ever read, so that a file cannot run code.
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["epochs"] != self._params.epochs or state["steps"] != self._schedule.steps:
            raise ValueError("it is of a training of another length")
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._rate.load_state_dict(state["rate"])
        self._random.set_state(state["random"])
        torch.set_rng_state(state["torch_random"])
        self._history, self._best = state["history"], state["best"]
        self._steps_done = self._schedule.steps * len(self._history)
        return len(self._history)

    def save(self, path: Path) -> None:
        """Write everything that the epochs to come depend on."""
        state: dict[str, Any] = {
            "epochs": self._params.epochs,
            "steps": self._schedule.steps,
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "rate": self._rate.state_dict(),
            "random": self._random.get_state(),
            "torch_random": torch.get_rng_state(),
            "history": self._history,
            "best": self._best,
        }
        torch.save(state, path)

    def fit(
        self, train: Labelled, val: Labelled, report: Report, checkpoints: Checkpoints, stopping: Stopping
    ) -> list[dict[str, float]]:
        """Fit, and leave the weights of the best epoch in the model.

        Best is the highest accuracy on `val`; of equals, the one with the lower loss there. An epoch in which the
        training is asked to stop does not count.

        Returns:
            One row an epoch: train_loss, val_loss, val_accuracy.

        Raises:
            TrainingFailed: the loss is no number any more.
        """
        if self._schedule.repeats > 1:
            report.log(f"Few images: each is shown {plural(self._schedule.repeats, 'time')} an epoch, always changed.")
        with suppress(StoppedEarly):
            for epoch in range(len(self._history), self._params.epochs):
                self._run_and_check(epoch, train, val, report, stopping)
                if checkpoints.due():
                    checkpoints.make(epoch + 1, self.save)
        self._model.load_state_dict(self._best)
        return self._history

    def _run_and_check(self, epoch: int, train: Labelled, val: Labelled, report: Report, stopping: Stopping) -> None:
        def alive() -> None:
            stopping.look(epoch)

        loss = self._run_epoch(epoch, train, report, alive)
        row = {"train_loss": loss, **evaluate(probabilities(self._model, val.pixels, alive), val.labels)}
        if not self._history or _score(row) > max(map(_score, self._history)):
            self._best = {name: value.detach().clone() for name, value in self._model.state_dict().items()}
        self._history.append(row)
        self._tell(epoch, row, report)

    def _run_epoch(self, epoch: int, train: Labelled, report: Report, alive: Callable[[], None]) -> float:
        """One epoch; gives the mean training loss."""
        losses = []
        steps = self._schedule.steps
        every = max(1, steps // _REPORTS_AN_EPOCH)
        for step, (images, labels) in enumerate(batches(train, self._schedule.repeats, steps, self._random)):
            alive()
            losses.append(self._step(images.to(self._device), labels.to(self._device)))
            if step % every == 0:
                report.progress(epoch + step / steps, self._params.epochs)
        loss = float(torch.stack(losses).mean())
        if not math.isfinite(loss):
            raise TrainingFailed(f"the training diverged: try a learning_rate below {self._params.learning_rate:g}")
        return loss

    def _step(self, images: Tensor, labels: Tensor) -> Tensor:
        self._set_mode()
        params, model = self._params, self._model
        seen = model.normalise(recolour(model.scale(images), params.augmentation, self._random))
        seen = move(seen, params.augmentation, params.mirror, self._random)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            logits = model.network(seen.contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=_LABEL_SMOOTHING)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        self._rate.step()
        self._steps_done += 1
        return loss.detach()

    def _set_mode(self) -> None:
        """A new head learns alone at first, since its random gradients would spoil pretrained features."""
        self._model.train()
        if self._model.pretrained:
            frozen = self._steps_done < _HEAD_SHARE * self._total_steps
            self._model.features.requires_grad_(not frozen).train(not frozen)

    def _tell(self, epoch: int, row: dict[str, float], report: Report) -> None:
        epochs = self._params.epochs
        if (epoch + 1) % math.ceil(epochs / _LOGGED_EPOCHS) == 0 or epoch + 1 == epochs:
            report.log(f"Epoch {epoch + 1} of {epochs}: {row['val_accuracy']:.1%} of the validation images are right.")
        report.progress(epoch + 1, epochs, row)


def _score(row: dict[str, float]) -> tuple[float, float]:
    return row["val_accuracy"], -row["val_loss"]


def evaluate(predicted: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Mean cross-entropy and accuracy.

    Args:
        predicted: float32, images x classes, probabilities.
        labels: int64, images.
    """
    right = predicted[np.arange(len(labels)), labels]
    accuracy = float((predicted.argmax(1) == labels).mean())
    return {"val_loss": float(-np.log(np.maximum(right, 1e-12)).mean()), "val_accuracy": accuracy}


def _parameter_groups(model: Classifier, params: ClassificationParams) -> list[dict]:
    """Weights decay, biases and normalisation do not; pretrained features learn slower than the head."""
    groups = []
    for part, share in ((model.features, _BACKBONE_RATE if model.pretrained else 1.0), (model.head, 1.0)):
        for decays in (True, False):
            chosen = [parameter for parameter in part.parameters() if (parameter.ndim > 1) == decays]
            decay = params.weight_decay if decays else 0.0
            groups.append({"params": chosen, "lr": params.learning_rate * share, "weight_decay": decay})
    return groups
