"""One quantisation, from a model's float32 file to its int8 file and card; both are scored on the validation images."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from datasets.images import decode
from datasets.snapshot import Dataset, Sample
from inference.check import check_model
from inference.protocol import INT8, ModelCard
from inference.registry import vision_predictor
from inference.sessions import open_session
from inference.vision import VisionPredictor
from training.environment import device, libraries
from training.protocol import Report, Scorer, TrainedModel, Trainer, TrainingFailed, Workspace
from training.quantization.graph import CALIBRATION, quantize_graph
from training.registry import TRAINERS
from training.stopping import metrics_on
from utils import plural

MOST_POINTS_LOST = 1.0
MOST_CALIBRATION_IMAGES = 200
_SEED = 0
_CALIBRATING, _SCORING_FLOAT32, _SCORING_INT8, _STEPS = range(4)
_TIMED_RUNS = 15
_WARM_RUNS = 3


@dataclass(frozen=True)
class Source:
    """The model to make smaller.

    Attributes:
        onnx_path: its float32 file.
        id: of the model; `version` likewise.
        force: whatever it costs in accuracy.
    """

    onnx_path: Path
    card: ModelCard
    id: str
    version: int
    force: bool

    @classmethod
    def of(cls, spec: dict[str, Any], force: bool) -> Source:
        """What the supervisor wrote down of it."""
        card = ModelCard(**spec["card"])
        return cls(Path(spec["onnx"]), card, spec["model_id"], spec["version"], force)


class Quantization:
    """One model made smaller.

    Args:
        most_points_lost: of the main metric, in percentage points.
    """

    def __init__(
        self,
        dataset: Dataset,
        source: Source,
        workspace: Workspace,
        report: Report,
        most_points_lost: float = MOST_POINTS_LOST,
    ):
        self._dataset = dataset
        self._source = source
        self._workspace = workspace
        self._folder = workspace.folder
        self._report = report
        self._most_points_lost = most_points_lost
        self._trainer: Trainer = TRAINERS[dataset.project_type]
        self._score = self._scorer(dataset, workspace)

    def run(self) -> TrainedModel:
        """Calibrate, write, score, and time both files.

        Raises:
            TrainingFailed: it costs too much accuracy and is not forced.
        """
        started, target = time.monotonic(), self._folder / "model.onnx"
        check_model(self._source.onnx_path.read_bytes())
        images = self._calibrate(target)
        check_model(target.read_bytes())
        before, now = self._scores(_SCORING_FLOAT32, self._source.onnx_path), self._scores(_SCORING_INT8, target)
        facts = {
            "from_model": self._source.id,
            "from_version": self._source.version,
            "calibration": {"images": images, "of": len(self._dataset.val), "seed": _SEED, "method": CALIBRATION},
            **self._compare(before, now),
            **self._measure(target),
        }
        card = self._source.card.model_copy(
            update={
                "precision": INT8,
                "quantization": facts,
                "metrics": now,
                "test_metrics": self._test(target),
                "metrics_on": metrics_on(self._dataset, len(self._dataset.val)),
                "libraries": libraries(),
                "device": device()["name"],
                "onnx_sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
                "duration_seconds": round(time.monotonic() - started, 1),
                # That was another job; its model's card has it.
                "stopped_early": None,
            }
        )
        return TrainedModel(target, None, card, ())

    def _files(self, target: Path) -> dict[str, Path]:
        return {"float32": self._source.onnx_path, INT8: target}

    def _calibrate(self, target: Path) -> int:
        """Write the int8 file; gives how many images its ranges come from."""
        samples = self._dataset.val
        chosen = np.random.default_rng(_SEED).permutation(len(samples))[:MOST_CALIBRATION_IMAGES]
        self._report.log(
            f"calibrating on {plural(len(chosen), 'image')} of {len(samples):,} that the model was measured on"
        )
        predictor = self._predictor(self._source.onnx_path)

        def inputs() -> Iterator[np.ndarray]:
            for done, index in enumerate(chosen):
                self._advance(_CALIBRATING, done / len(chosen))
                yield predictor.pre_process(_read(samples[index]))

        quantize_graph(self._source.onnx_path, target, inputs())
        return len(chosen)

    def _scores(self, step: int, path: Path) -> dict[str, Any]:
        images = plural(len(self._dataset.val), "image")
        self._report.log(f"scoring {'float32' if step == _SCORING_FLOAT32 else INT8} on {images}")
        return self._score(path, lambda fraction: self._advance(step, fraction))

    def _test(self, path: Path) -> dict[str, Any] | None:
        if not self._dataset.test:
            return None
        folder = self._folder / "test"
        folder.mkdir()
        workspace = dataclasses.replace(self._workspace, folder=folder)
        return self._scorer(self._dataset.for_test(), workspace)(path, lambda fraction: None)

    def _scorer(self, dataset: Dataset, workspace: Workspace) -> Scorer:
        make = self._trainer.scorer
        if make is None:
            raise TrainingFailed(f"models of {dataset.project_type} projects have no int8 version")
        return make(dataset, self._source.card, workspace)

    def _advance(self, step: int, fraction: float) -> None:
        """Tell how far it is; the whole is one epoch."""
        self._report.progress(min(0.99, (step + fraction) / _STEPS), 1)

    def _compare(self, before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
        name = self._trainer.METRIC
        # Rounded, since 98 of 100 images less 99 of 100 are a hair more than a point.
        points = round(100 * (now[name] - before[name]), 6)
        self._report.progress(1.0, 1, {name: now[name], f"{name}_float32": before[name], "difference_points": points})
        figures = f"{name} {now[name]:.2%} in int8, {before[name]:.2%} in float32: {points:+.2f} points"
        self._report.log(figures)
        # Negated, so that a metric that is no number is refused too.
        if not points >= -self._most_points_lost and not self._source.force:
            raise TrainingFailed(
                f"int8 costs too much: {figures}, allowed are {-self._most_points_lost:g}. Nothing has changed; "
                "ask again with force to have int8 all the same"
            )
        return {"metric": name, "float32": before[name], INT8: now[name], "difference_points": points}

    def _measure(self, target: Path) -> dict[str, Any]:
        """Bytes of both files, and the time that one image takes in each on this machine."""
        sizes = {name: path.stat().st_size for name, path in self._files(target).items()}
        predictors = {name: self._predictor(path) for name, path in self._files(target).items()}
        image = predictors[INT8].pre_process(_read(self._dataset.val[0]))
        took: dict[str, list[float]] = {name: [] for name in predictors}
        # In turns, so that whatever else the machine does hits both.
        for _ in range(_WARM_RUNS + _TIMED_RUNS):
            for name, predictor in predictors.items():
                started = time.perf_counter()
                predictor.forward(image)
                took[name].append(time.perf_counter() - started)
        typical = {name: round(1000 * median(seconds[_WARM_RUNS:]), 3) for name, seconds in took.items()}
        told = f"{sizes[INT8]:,} bytes instead of {sizes['float32']:,}, {typical[INT8]:g} ms an image instead of "
        told += f"{typical['float32']:g} ms on this machine"
        self._report.log(told + (": int8 is smaller, and not faster" if typical[INT8] >= typical["float32"] else ""))
        return {"bytes": sizes, "milliseconds": typical}

    def _predictor(self, path: Path) -> VisionPredictor:
        return vision_predictor(open_session(path), self._source.card)


def _read(sample: Sample) -> np.ndarray:
    return decode(sample.path.read_bytes(), sample.width * sample.height)
