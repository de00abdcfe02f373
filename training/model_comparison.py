"""Two versions of a project's model side by side: what they are worth, and what they were made with."""

from __future__ import annotations

from collections import Counter
from typing import Any

from storage.job import Job
from storage.models import Model
from storage.store import Store
from training.recording import recorded
from utils import Conflict, NotFound

_HIGHER = {"accuracy", "precision", "recall", "f1", "map50", "map", "auc", "r2"}
_LOWER = {"loss", "mae", "rmse"}


def compare_models(store: Store, a: Model, b: Model) -> dict[str, Any]:
    """Compare two models.

    Returns:
        `metrics`: `name`, `a`, `b`, `difference` (b less a; None where one is missing) and `better` (the version of the
        better one; None where none is, or nobody can say); `params` that differ; `data`: `a` and `b` with `digest` and
        `version`, whether they are the `same`, and how many `common_images` of equal content there are.
    """
    jobs = {model.id: _job(store, model) for model in (a, b)}
    return {
        "metrics": _metrics(a, b),
        "params": _params(a, b),
        "data": _data(store, (a, jobs[a.id]), (b, jobs[b.id])),
    }


def _job(store: Store, model: Model) -> Job | None:
    try:
        return store.jobs.head(model.job_id)
    except NotFound:
        return None


def _metrics(a: Model, b: Model) -> list[dict[str, Any]]:
    before, after = (dict(_flat(model.card.get("metrics") or {})) for model in (a, b))
    rows = []
    for name in {**before, **after}:
        one, other = before.get(name), after.get(name)
        apart = None if one is None or other is None else other - one
        rows.append({"name": name, "a": one, "b": other, "difference": apart, "better": _better(name, apart, a, b)})
    return sorted(rows, key=lambda row: "." in row["name"])


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, float | None]]:
    found: list[tuple[str, float | None]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{name}.")
        elif value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            found.append((f"{prefix}{name}", value))
    return found


def _better(name: str, apart: float | None, a: Model, b: Model) -> int | None:
    words = set(name.split(".")[-1].lower().split("_"))
    sign = 1 if words & _HIGHER else -1 if words & _LOWER else 0
    if not apart or not sign:
        return None
    return b.version if apart * sign > 0 else a.version


def _params(a: Model, b: Model) -> list[dict[str, Any]]:
    both = [{"precision": "float32", **_of_card(model)} for model in (a, b)]
    return [
        {"name": name, "a": both[0].get(name), "b": both[1].get(name)}
        for name in {**both[0], **both[1]}
        if both[0].get(name) != both[1].get(name)
    ]


def _of_card(model: Model) -> dict[str, Any]:
    chosen = ("architecture", "image_size", "pretrained", "precision")
    return {
        **(model.card.get("params") or {}),
        **{name: model.card[name] for name in chosen if name in model.card},
    }


def _data(store: Store, a: tuple[Model, Job | None], b: tuple[Model, Job | None]) -> dict[str, Any]:
    shown = [_dataset(model) for model, _ in (a, b)]
    contents = [_contents(store, job) for _, job in (a, b)]
    digests = [one["digest"] for one in shown]
    one, other = contents
    return {
        "a": shown[0],
        "b": shown[1],
        "same": None if None in digests else digests[0] == digests[1],
        "images_a": None if one is None else one.total(),
        "images_b": None if other is None else other.total(),
        "common_images": None if one is None or other is None else (one & other).total(),
    }


def _dataset(model: Model) -> dict[str, Any]:
    dataset = model.card.get("dataset") or {}
    return {"digest": dataset.get("digest"), "version": dataset.get("version")}


def _contents(store: Store, job: Job | None) -> Counter[str] | None:
    if job is None:
        return None
    try:
        return recorded(store, job).contents()
    except Conflict:  # never recorded, or lost
        return None
