"""What is different between a training and its repetition: metrics, files, and what may explain it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from storage.job import Job, JobState
from storage.models import Model
from storage.store import Store
from utils import NotFound, plural

# Files that are compared. Pictures follow from these and the metrics.
_FILES = ("model.onnx", "weights.pt")
_MOST_TOLD = 3
_SERVED = "model.onnx"


@dataclass(frozen=True)
class Outcome:
    """What came of one training, and under what conditions.

    Attributes:
        metrics: by name, those of a class as `classes.<name>.<metric>`; None where nothing could be measured.
        files: SHA-256 by name.
        conditions: by name: what was asked for, what was chosen, and what it ran in.
    """

    state: JobState
    reason: str | None = None
    metrics: dict[str, float | None] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    conditions: dict[str, Any] = field(default_factory=dict)


def difference_of(store: Store, job: Job) -> dict[str, Any] | None:
    """How a repetition differs from the job it repeats; None of any other job, and while it has not ended."""
    if job.repeats is None or not job.state.ended:
        return None
    try:
        before = store.jobs.head(job.repeats)
    except NotFound:  # the project is being deleted
        return None
    return difference(outcome_of(before, model_of(store, before)), outcome_of(job, model_of(store, job)))


def model_of(store: Store, job: Job) -> Model | None:
    """The model that a job made, if it made one."""
    try:
        return store.models.get(job.result)
    except NotFound:
        return None


def outcome_of(job: Job, model: Model | None) -> Outcome:
    """The outcome of a job that has ended.

    Args:
        model: the one it made, if it made one.
    """
    card = model.card if model else {}
    conditions: dict[str, Any] = {
        "dataset": job.dataset.digest if job.dataset else None,
        "resumed_from_epoch": max((attempt.resumed_from_epoch for attempt in job.attempts), default=0),
        **(job.environment or {}),
    }
    if model:
        of_model = ("architecture", "pretrained", "pretrained_sha256", "determinism")
        conditions |= {"params": card.get("params") or job.params, **{name: card.get(name) for name in of_model}}
    return Outcome(
        job.state,
        job.error,
        {name: value for name, value in _flat(card.get("metrics", {})) if value is None or _is_number(value)},
        {name: file.sha256 for name, file in model.files.items() if name in _FILES} if model else {},
        dict(_flat(conditions)),
    )


def difference(before: Outcome, now: Outcome) -> dict[str, Any]:
    """Compare two trainings that have ended.

    Returns:
        `summary`, a sentence; `metrics`, a list of `name`, `before`, `now` and `difference` (now less before, None
        where one of them is missing), those that differ first; `identical_files`, by name; `conditions`, a list of
        `name`, `before` and `now` of those that differ. Of a training that ended before its environment or its model
        were known, neither is compared.
    """
    metrics = [
        {"name": name, "before": a, "now": b, "difference": None if a is None or b is None else b - a}
        for name, a, b in _pairs(before.metrics, now.metrics)
    ]
    metrics.sort(key=lambda row: row["before"] == row["now"])
    known = {_group(name) for name in before.conditions} & {_group(name) for name in now.conditions}
    conditions = [
        {"name": name, "before": a, "now": b}
        for name, a, b in _pairs(before.conditions, now.conditions)
        if a != b and _group(name) in known
    ]
    both = before.files.keys() & now.files.keys()
    identical = {name: before.files[name] == now.files[name] for name in _FILES if name in both}
    told = [*_told_outcome(before, now, metrics, identical), *map(_told_condition, conditions[:_MOST_TOLD])]
    if len(conditions) > _MOST_TOLD:
        told.append(_more(len(conditions) - _MOST_TOLD, "condition"))
    summary = "; ".join(told)
    return {"summary": summary, "metrics": metrics, "identical_files": identical, "conditions": conditions}


def _group(name: str) -> str:
    """Of conditions that become known together, the common part of their names."""
    return name.split(".")[0]


def _pairs(before: dict[str, Any], now: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Name and both values of all that either has, in the order of the first."""
    for name in {**before, **now}:
        yield name, before.get(name), now.get(name)


def _told_outcome(
    before: Outcome, now: Outcome, metrics: list[dict[str, Any]], identical: dict[str, bool]
) -> list[str]:
    for which, outcome in (("the training that is repeated", before), ("this training", now)):
        if outcome.state is not JobState.SUCCEEDED:
            because = f" ({outcome.reason})" if outcome.reason and outcome.reason != outcome.state.value else ""
            return [f"{which} ended {outcome.state.value}{because}, so there are no metrics to compare"]
    unequal = [row for row in metrics if row["before"] != row["now"]]
    # The overall ones tell the story; those of single classes are in the list.
    overall = [row for row in unequal if "." not in row["name"]] or unequal
    told = ["the same to the last digit"] if not unequal else list(map(_told_metric, overall[:_MOST_TOLD]))
    if len(unequal) > len(told):
        told.append(_more(len(unequal) - len(told), "metric"))
    if _SERVED in identical:
        told.append(f"the ONNX file is {'identical' if identical[_SERVED] else 'not identical'}")
    return told


def _told_metric(row: dict[str, Any]) -> str:
    if row["difference"] is None:
        return f"{row['name']} was {_shown(row['before'])} and is {_shown(row['now'])}"
    return f"{row['name']} differs by {abs(row['difference']):.3g} ({_shown(row['before'])} -> {_shown(row['now'])})"


def _told_condition(row: dict[str, Any]) -> str:
    name = row["name"].removeprefix("libraries.")
    if name in ("dataset", "code_sha256", "pretrained_sha256"):
        words = {"dataset": "the data differ", "code_sha256": "the code differs"}
        return words.get(name, "the pretrained weights differ")
    return f"{name} differs: {_shown(row['before'])} -> {_shown(row['now'])}"


def _more(count: int, noun: str) -> str:
    return f"{plural(count, f'more {noun}')} {'differs' if count == 1 else 'differ'}"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
