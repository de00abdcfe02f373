"""Tells the platform how a running ultralytics training gets on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from training.checkpoints import Checkpoints
from training.protocol import Report, TrainingFailed
from training.stopping import Stopping

_METRICS = {
    "metrics/precision(B)": "precision",
    "metrics/recall(B)": "recall",
    "metrics/mAP50(B)": "map50",
    "metrics/mAP50-95(B)": "map50_95",
}


def named_metrics(metrics: dict[str, float]) -> dict[str, float]:
    """Ultralytics' metrics under our names: fractions 0 to 1."""
    return {ours: float(metrics.get(theirs, 0.0)) for theirs, ours in _METRICS.items()}


class Follower:
    """Callbacks of one training. What the report raises ends the training.

    Args:
        threads: of a CPU that torch computes with; ultralytics sets one less than there are cores.
        stopping: looked at after every batch.
        checkpoints: told after an epoch when one is due.
        save: writes a checkpoint of ultralytics' trainer and the history to a path.
        history: of the epochs that an earlier attempt finished.

    Attributes:
        history: metrics of each finished epoch.
        started: the training itself has begun.
    """

    def __init__(
        self,
        report: Report,
        epochs: int,
        threads: int,
        stopping: Stopping,
        checkpoints: Checkpoints,
        save: Callable[[Path, Any, list[dict[str, float]]], None],
        history: Sequence[dict[str, float]] = (),
    ):
        self.history: list[dict[str, float]] = [*history]
        self.started = False
        self._stopping = stopping
        self._checkpoints = checkpoints
        self._save = save
        self._report = report
        self._epochs = epochs
        self._threads = threads
        self._batch = 0
        self._reached = float(len(history))

    def follow(self, engine: Any) -> None:
        """Attach to an ultralytics trainer that has not started."""
        engine.add_callback("on_train_start", self._start)
        engine.add_callback("on_train_epoch_start", self._start_epoch)
        engine.add_callback("on_train_batch_end", self._end_batch)
        engine.add_callback("on_val_batch_end", self._validate_batch)
        engine.add_callback("on_fit_epoch_end", self._end_epoch)

    def _start(self, engine: Any) -> None:
        self.started = True
        self._use_all_cores()
        if engine.start_epoch:
            self._report.resumed(engine.start_epoch)
        self._report.log(
            f"training on {len(engine.train_loader.dataset)} images, batch {engine.batch_size}, "
            f"image size {engine.args.imgsz}, on {engine.device}"
        )

    def _use_all_cores(self) -> None:
        import torch

        torch.set_num_threads(self._threads)

    def _start_epoch(self, engine: Any) -> None:
        self._batch = 0
        self._stopping.look(len(self.history))

    def _end_batch(self, engine: Any) -> None:
        self._batch += 1
        self._advance(engine.epoch + self._batch / max(1, len(engine.train_loader)))

    def _validate_batch(self, validator: Any) -> None:
        self._advance(self._reached)

    def _advance(self, epoch: float, metrics: dict[str, float] | None = None) -> None:
        # Ultralytics may go through an epoch again, with a smaller batch after it ran out of memory.
        self._reached = max(self._reached, epoch)
        self._report.progress(self._reached, self._epochs, metrics)
        self._stopping.look(len(self.history))

    def _end_epoch(self, engine: Any) -> None:
        # The last call is about the best model once more, which is no epoch and has no validation loss.
        if any(name.startswith("val/") for name in engine.metrics):
            self._record(engine, engine.epoch + 1)
            # From the last epoch ultralytics cannot go on.
            if self._checkpoints.due() and not engine.stop and engine.best.exists():
                self._checkpoints.make(engine.epoch + 1, lambda path: self._save(path, engine, self.history))

    def _record(self, engine: Any, epoch: int) -> None:
        losses = {name: float(value) for name, value in engine.tloss.items()}
        if not all(math.isfinite(value) for value in losses.values()):
            raise TrainingFailed(f"the loss is no number any more in epoch {epoch}: try a smaller learning rate")
        metrics = {**losses, **named_metrics(engine.metrics)}
        self.history.append(metrics)
        self._report.log(
            f"epoch {epoch} of {self._epochs}: " + ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        )
        self._advance(epoch, metrics)
