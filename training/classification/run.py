"""One training of a classifier, from images on disk to a model, its card and its pictures; needs torch."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxruntime import InferenceSession

from datasets.judgements import FILE, Judgements, judged_class
from datasets.snapshot import Dataset
from inference.classification import ClassificationPredictor, describe_preprocessing
from inference.protocol import ModelCard
from inference.sessions import open_session
from training import pictures
from training.checkpoints import Checkpoints
from training.classification import networks
from training.classification.fitting import Fitter
from training.classification.pixels import Labelled, load, read
from training.classification.scoring import score, scorer
from training.classification.trainer import ClassificationParams
from training.devices import choose_device, describe_device
from training.environment import file_sha256, libraries
from training.protocol import Report, TrainedModel, TrainingFailed, Workspace
from training.stopping import StoppedEarly, Stopping, metrics_on
from utils import plural

SCRATCH_SIZE_PX = 64
PRETRAINED_SIZE_PX = 160
ACCURACY_TOLERANCE = 0.005
PROBABILITY_TOLERANCE = 1e-3
_PICTURED = 16
_PROBED = 3
_SCRATCH_LICENCE = (
    "network: DIYML's own, for which no licence has been chosen yet; "
    "weights: trained from scratch on the project's images"
)
_PRETRAINED_LICENCE = (
    "network: BSD-3-Clause, from torchvision; weights: fine-tuned from torchvision's, which were trained on ImageNet, "
    "whose terms may limit their use"
)


class ClassificationRun:
    """One training.

    Attributes:
        size_px: side of the network's input.
    """

    def __init__(self, dataset: Dataset, params: ClassificationParams, workspace: Workspace, report: Report):
        self._dataset = dataset
        self._params = params
        self._workspace = workspace
        self._folder = workspace.folder
        self._report = report
        self._stopping = Stopping(report, params.epochs, workspace.stop_seconds)
        self._started = time.monotonic()
        self._device = choose_device()
        self._weights = networks.find_weights(workspace, report)
        self.size_px = params.image_size or (PRETRAINED_SIZE_PX if self._weights else SCRATCH_SIZE_PX)

    def fit(self) -> TrainedModel:
        """Train, export, score the export and draw.

        Raises:
            TrainingFailed: see `ClassificationTrainer.fit`.
        """
        torch.backends.cudnn.deterministic = True
        self._introduce()
        train, val = self._load()
        fitter, model = self._prepare(len(train.labels))
        checkpoints = Checkpoints(self._workspace, self._report)
        history = fitter.fit(train, val, self._report, checkpoints, self._stopping)
        onnx_path, weights_path = self._folder / "model.onnx", self._folder / "weights.pt"
        # Scored on the CPU in full precision, so that what differs in the export is the export's doing.
        networks.export(model.cpu(), self.size_px, onnx_path)
        torch.save(model.network.state_dict(), weights_path)
        card = self._card(onnx_path, history)
        part, native, served = self._predict(open_session(onnx_path), card, model, val)
        scored = val if len(part) == len(val.labels) else Labelled(val.pixels[part], val.labels[part])
        card = self._compare(card, scored, native, served)
        card = card.model_copy(update={"test_metrics": self._test(onnx_path, card)})
        artifacts = (*self._draw(card, history, scored, native), self._judge(part, served))
        card = card.model_copy(update={"duration_seconds": round(time.monotonic() - self._started, 3)})
        return TrainedModel(onnx_path, weights_path, card, artifacts)

    def _prepare(self, images: int) -> tuple[Fitter, networks.Classifier]:
        """Network and fitter as they are at the start, or as an earlier attempt left them."""
        checkpoint = self._workspace.checkpoint
        fitter, model = self._new_fitter(images)
        if checkpoint is None:
            return fitter, model
        try:
            epoch = fitter.resume(checkpoint)
        except Exception as error:  # a bad file shows in many ways, none a reason not to train
            self._report.log(f"The checkpoint cannot be used, training starts over: {type(error).__name__}: {error}")
            return self._new_fitter(images)
        self._report.resumed(epoch)
        return fitter, model

    def _new_fitter(self, images: int) -> tuple[Fitter, networks.Classifier]:
        # Seeds the first weights and the dropout; the order and changes of images have a generator of their own.
        torch.manual_seed(self._params.seed)
        model = networks.build(len(self._dataset.classes), self._weights)
        return Fitter(model, self._params, images, self._device), model

    def _introduce(self) -> None:
        origin = f"from the pretrained weights {self._weights.name}" if self._weights else "from scratch"
        images = plural(len(self._dataset.train), "image")
        classes = plural(len(self._dataset.classes), "class", "classes")
        device = describe_device(self._device)
        self._report.log(f"Training {origin} on {images} of {classes}, at {self.size_px} px, on {device}.")
        if self._dataset.val_is_train:
            self._report.log("Too few images to hold any back: the model is checked on the images it learns from.")

    def _load(self) -> tuple[Labelled, Labelled]:
        def alive() -> None:
            self._report.progress(0.0, self._params.epochs)

        train = load(self._dataset.train, self.size_px, self._folder / "train.npy", alive)
        if self._dataset.val_is_train:
            return train, train
        return train, load(self._dataset.val, self.size_px, self._folder / "val.npy", alive)

    def _card(self, onnx_path: Path, history: list[dict[str, float]]) -> ModelCard:
        """All but the scores."""
        dataset, params = self._dataset, self._params
        best = max(history, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
        return ModelCard(
            project_type=dataset.project_type,
            architecture=networks.PRETRAINED if self._weights else networks.SCRATCH,
            classes=list(dataset.classes),
            image_size=self.size_px,
            preprocessing=describe_preprocessing(self.size_px),
            metrics={"best_epoch": history.index(best) + 1},
            metrics_on=metrics_on(dataset, len(dataset.val)),
            export_difference=0.0,
            dataset={
                "digest": dataset.digest,
                "train_images": len(dataset.train),
                "val_images": len(dataset.val),
                "test_images": len(dataset.test),
                "seed": params.seed,
                "train_split": params.train_split,
            },
            params={**params.model_dump(), "image_size": self.size_px},
            pretrained=self._weights is not None,
            device=describe_device(self._device),
            libraries=libraries(),
            licence=_PRETRAINED_LICENCE if self._weights else _SCRATCH_LICENCE,
            onnx_sha256=hashlib.sha256(onnx_path.read_bytes()).hexdigest(),
            duration_seconds=0.0,
            pretrained_sha256=file_sha256(self._weights) if self._weights else None,
            determinism={"cudnn_deterministic": torch.backends.cudnn.deterministic},
            stopped_early=self._stopping.for_card(),
        )

    def _predict(
        self, session: InferenceSession, card: ModelCard, model: networks.Classifier, val: Labelled
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Probabilities of the validation images: of the trained network, and as they will be served, from their files.

        Returns:
            Indices of the images, which are fewer when there is no time for all; two times float32, images x classes.
        """
        predictor, samples = ClassificationPredictor(session, card), self._dataset.val

        def alive() -> None:
            self._stopping.look(self._params.epochs)

        def serve(index: int) -> np.ndarray:
            alive()
            return predictor.forward(predictor.pre_process(read(samples[index])))

        def both(part: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            pixels = val.pixels if len(part) == len(samples) else val.pixels[part]
            native = networks.probabilities(model, pixels, alive)
            return part, native, np.concatenate([serve(index) for index in part])

        def seconds_an_image() -> float:
            probed, started = np.arange(min(_PROBED, len(samples))), time.monotonic()
            both(probed)
            return (time.monotonic() - started) / len(probed)

        with suppress(StoppedEarly):
            return both(self._stopping.part(len(samples), seconds_an_image, self._params.seed))
        # Asked meanwhile: now it is known how many there is time for.
        return both(self._stopping.part(len(samples), seconds_an_image, self._params.seed))

    def _compare(self, card: ModelCard, scored: Labelled, native: np.ndarray, served: np.ndarray) -> ModelCard:
        """The card with its scores, if the export agrees with the trained network."""
        metrics = {**score(scored.labels, native, card.classes), **card.metrics}
        apart = float(np.abs(served - native).max())
        accuracy = float((served.argmax(1) == scored.labels).mean())
        difference = abs(accuracy - metrics["accuracy"])
        if not (difference <= ACCURACY_TOLERANCE and apart <= PROBABILITY_TOLERANCE):
            raise TrainingFailed(
                f"the exported model does not agree with the trained one: its accuracy is {difference:.4f} apart "
                f"(allowed {ACCURACY_TOLERANCE}), a probability {apart:.2g} (allowed {PROBABILITY_TOLERANCE})"
            )
        self._report.log(
            f"The exported model is right on {accuracy:.1%}; it agrees with the trained one to {apart:.1g}."
        )
        metrics["export_probability_difference"] = apart
        on = metrics_on(self._dataset, len(scored.labels))
        return card.model_copy(update={"export_difference": difference, "metrics": metrics, "metrics_on": on})

    def _test(self, onnx_path: Path, card: ModelCard) -> dict[str, Any] | None:
        """Metrics of the export on the test part; None when there is none, or no time for it."""
        with suppress(StoppedEarly):
            if self._dataset.test:
                told = scorer(self._dataset.for_test(), card)
                return told(onnx_path, lambda fraction: self._stopping.leave_out())
        return None

    def _judge(self, part: np.ndarray, served: np.ndarray) -> Path:
        """Write down what was said of each image."""
        judged = (judged_class(self._dataset.val[index], row) for index, row in zip(part, served, strict=True))
        path = self._folder / FILE
        path.write_bytes(Judgements.of(self._dataset, judged).to_bytes())
        return path

    def _draw(
        self, card: ModelCard, history: list[dict[str, float]], val: Labelled, native: np.ndarray
    ) -> tuple[Path, ...]:
        curves, matrix, examples = (self._folder / f"{name}.png" for name in ("curves", "confusion", "validation"))
        pictures.draw_curves(history, curves)
        pictures.draw_confusion(np.array(card.metrics["confusion"]), card.classes, matrix)
        predicted = native.argmax(1)
        right = predicted == val.labels
        # Mistakes first, the surest of them first: they tell most.
        shown = np.lexsort((-native.max(1), right))[:_PICTURED]
        names = [(card.classes[val.labels[i]], card.classes[predicted[i]]) for i in shown]
        titles = [true if true == found else f"{true} → {found}" for true, found in names]
        pictures.draw_images(list(val.pixels[shown]), titles, [bool(right[i]) for i in shown], examples)
        return curves, matrix, examples
