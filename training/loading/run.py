"""Checks a model that was loaded, scores it on the project's data, and writes its card."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from datasets.registry import KINDS
from inference.protocol import ModelCard
from training.admission import admit
from training.environment import device, file_sha256, libraries
from training.loading.judges import JUDGES, Scores
from training.protocol import Report, TrainedModel, TrainingFailed, Workspace

_NEARLY_DONE = 0.99


def load(dataset: Any, source: dict[str, Any], workspace: Workspace, report: Report) -> TrainedModel:
    """Make a model of MLflow one of the project's.

    Args:
        dataset: of the project's kind of data, split as the model's card says.
        source: as of `training.loading.fetching.fetch`.

    Raises:
        TrainingFailed: it may not be run, does not fit the data, or does not predict.
    """
    started, path, card = time.monotonic(), Path(source["onnx"]), ModelCard(**source["card"])
    if file_sha256(path) != card.onnx_sha256:
        raise TrainingFailed("the ONNX file is another than its card says")
    admit(path.read_bytes())
    if reason := JUDGES[card.project_type].misfit(card, dataset):
        raise TrainingFailed(f"the model does not fit the project: {reason}")
    metrics, tested = _scores(path, card, dataset, workspace, report)
    if dataset.digest != card.dataset.get("digest"):
        report.log("The project's data are others than the model was made from; it may have seen some of them.")
    there = {"metrics": card.metrics, "metrics_on": card.metrics_on, "device": card.device, "libraries": card.libraries}
    unit = KINDS[card.project_type].unit
    changed = {
        "metrics": metrics,
        "test_metrics": tested,
        "metrics_on": f"{'training' if dataset.val_is_train else 'validation'} {unit}s",
        "loaded": {**source["loaded"], **there},
        "stopped_early": None,
        "libraries": libraries(),
        "device": device()["name"],
        "duration_seconds": round(time.monotonic() - started, 1),
    }
    return TrainedModel(path, None, card.model_copy(update=changed), ())


def _scores(path: Path, card: ModelCard, dataset: Any, workspace: Workspace, report: Report) -> Scores:
    judge, unit = JUDGES[card.project_type], KINDS[card.project_type].unit
    report.log(f"Scoring the model on the {unit}s that are held back.")

    def advanced(fraction: float) -> None:
        report.progress(min(fraction, _NEARLY_DONE), 1)

    try:
        metrics, tested = judge.score(path, card, dataset, workspace, advanced)
    except TrainingFailed:
        raise
    except Exception as error:  # whatever a runtime raises of a graph that is not what its card says
        raise TrainingFailed(f"the model cannot predict: {type(error).__name__}: {str(error)[:300]}") from error
    numbers = {name: value for name, value in metrics.items() if isinstance(value, (int, float))}
    report.progress(1.0, 1, numbers)
    report.log("; ".join(f"{name} {value:.4g}" for name, value in numbers.items()))
    return metrics, tested
