"""What a run in MLflow says of a job: names, tags, params and metrics, each within MLflow's bounds."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from storage.job import Job, JobState
from storage.models import Model
from utils import VERSION

JOB, PROJECT, OWNER, ONNX, CARD = (
    "diyml.job_id", "diyml.project_id", "diyml.owner", "diyml.onnx_sha256", "diyml.card_sha256",
)  # fmt: skip
STATUS = {JobState.SUCCEEDED: "FINISHED", JobState.FAILED: "FAILED", JobState.CANCELLED: "KILLED"}
# Those of MLflow 2; later ones allow more.
_MOST_TAG_CHARACTERS = 5000
_MOST_PARAM_CHARACTERS = 500
_MOST_KEY_CHARACTERS = 240
_MOST_NAME_CHARACTERS = 200
# Of a thousand classes nobody looks at each.
_MOST_FINAL_METRICS = 1000
_ODD = re.compile(r"[^\w\- ]+")
_STATE = {"train": "training", "quantize": "int8 version", "load": "loaded model"}


def experiment_name(owner: str, project: str) -> str:
    """The experiment that a project's jobs are runs of."""
    return f"{owner}/{project}"


def registered_name(owner: str, project: str) -> str:
    """The registered model that a project's models are versions of: MLflow allows neither `/` nor `:` there.

    What could be mistaken is written as in a URL, so that no two projects have the same name.
    """
    return ".".join(quote(part, safe=" ").replace(".", "%2E") for part in (owner, project))[:_MOST_NAME_CHARACTERS]


def task_of(job: Job) -> str:
    """What the job did."""
    return "quantize" if job.quantizes else "load" if job.loads else "train"


def tags_of_job(job: Job, owner: str, project: str) -> list[dict[str, str]]:
    """What is known of a job when its run begins."""
    user = job.started_by or owner
    return _tags(
        {
            "mlflow.runName": f"{_STATE[task_of(job)]} {job.created_at:%Y-%m-%d %H:%M}",
            "mlflow.user": user,
            "mlflow.source.name": "DIYML",
            JOB: str(job.id),
            PROJECT: str(job.project_id),
            OWNER: owner,
            "diyml.project": project,
            "diyml.type": job.project_type,
            "diyml.task": task_of(job),
            "diyml.user": user,
            "diyml.seed": job.params.get("seed"),
            "diyml.dataset_digest": job.dataset.digest if job.dataset else None,
            "diyml.dataset_version": job.dataset_version,
            "diyml.repeats": job.repeats,
            "diyml.loaded_from": (job.loads or {}).get("reference"),
            "diyml.server_version": VERSION,
            "diyml.state": job.state.value,
            "diyml.reason": job.error,
            "mlflow.note.content": job.error,
        }
    )


def tags_of_model(model: Model, onnx_sha256: str, card_sha256: str) -> list[dict[str, str]]:
    """What is known once there is a model."""
    return _tags(
        {
            "diyml.model_id": model.id,
            "diyml.version": model.version,
            "diyml.precision": model.card.get("precision"),
            ONNX: onnx_sha256,
            CARD: card_sha256,
        }
    )


def params_of(job: Job, card: dict[str, Any]) -> list[dict[str, str]]:
    """Hyper-parameters, with what the trainer made of them, and the few facts that one compares models by."""
    facts: dict[str, Any] = {name: card[name] for name in ("architecture", "pretrained", "precision") if name in card}
    return _rows({**job.params, **card.get("params", {}), **facts}, _MOST_PARAM_CHARACTERS)


def metrics_of(job: Job, card: dict[str, Any]) -> list[dict[str, Any]]:
    """Metrics of every epoch, and those of the card as `val/...` and `test/...`.

    Job documents do not say when an epoch ended. Times lie evenly between its start and its end: they must be the same
    each time, since MLflow takes a metric at another time for another one.
    """
    began, ended = job.started_at or job.created_at, job.finished_at or job.created_at
    steps = max([1, job.epochs, *(int(entry.get("epoch", 0)) for entry in job.history)])
    rows = []
    for entry in job.history:
        step = int(entry.get("epoch", 0))
        at = began + (ended - began) * (step / steps)
        values = {name: value for name, value in entry.items() if name != "epoch"}
        rows += [_metric(name, value, at, step) for name, value in _numbers(values)]
    final = {"val": card.get("metrics") or {}, "test": card.get("test_metrics") or {}}
    found = [_metric(name, value, ended, job.epochs) for name, value in _numbers(final)]
    return rows + found[:_MOST_FINAL_METRICS]


def milliseconds(moment: datetime) -> int:
    """As MLflow counts time."""
    return round(moment.timestamp() * 1000)


def _metric(name: str, value: float, at: datetime, step: int) -> dict[str, Any]:
    return {"key": name, "value": value, "timestamp": milliseconds(at), "step": step}


def _numbers(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, float]]:
    """Every finite number in nested values, with the names on the way to it."""
    for name, value in values.items():
        path = f"{above}{_key(name)}"
        if isinstance(value, dict):
            yield from _numbers(value, f"{path}/")
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            yield path[:_MOST_KEY_CHARACTERS], float(value)


def _key(name: str) -> str:
    """A part of a name as MLflow takes it."""
    return _ODD.sub("_", str(name)).strip() or "_"


def _tags(values: dict[str, Any]) -> list[dict[str, str]]:
    return _rows(values, _MOST_TAG_CHARACTERS, lambda name: name)


def _rows(values: dict[str, Any], most: int, key: Any = _key) -> list[dict[str, str]]:
    there = ((key(name), _text(value)[:most]) for name, value in values.items() if value is not None)
    return [{"key": name, "value": text} for name, text in there]


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (dict, list, bool)) else str(value)


def batches(rows: list[Any], size: int) -> Iterable[list[Any]]:
    """Some at a time."""
    return (rows[start : start + size] for start in range(0, len(rows), size))
