"""Whether a model fits a project's data, and what it is worth on them: one judge a project type."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from inference.protocol import ModelCard
from training.protocol import TrainingFailed, Workspace
from training.registry import TRAINERS

Scores = tuple[dict[str, Any], dict[str, Any] | None]
"""Metrics on the validation part, and on the test part where there is one; named as the trainer's."""
Advanced = Callable[[float], None]


class Judge(Protocol):
    """Judges models that come from elsewhere."""

    def misfit(self, card: ModelCard, data: Any) -> str | None:
        """What of the data is another than the model was made for, in words; None when it fits.

        Args:
            data: a snapshot of the project's kind of data, or such data on disk.
        """
        ...

    def score(self, path: Path, card: ModelCard, dataset: Any, workspace: Workspace, advanced: Advanced) -> Scores:
        """Metrics of an ONNX file on the data held back, of the predictor that would serve it."""
        ...


class ImageJudge:
    """Of classifiers and detectors."""

    def misfit(self, card: ModelCard, data: Any) -> str | None:
        """See `Judge`: the same classes in the same order, since outputs are told apart by it."""
        there, wanted = list(data.classes), list(card.classes)
        if there == wanted:
            return None
        if sorted(there) == sorted(wanted):
            return f"its classes have the order {_listed(wanted)}, the project's {_listed(there)}: order them like that"
        return f"its classes are {_listed(wanted)}, the project's {_listed(there)}"

    def score(self, path: Path, card: ModelCard, dataset: Any, workspace: Workspace, advanced: Advanced) -> Scores:
        """See `Judge`."""
        make = TRAINERS[card.project_type].scorer
        if make is None:
            raise TrainingFailed(f"models of {card.project_type} projects cannot be scored again")
        metrics = make(dataset, card, workspace)(path, advanced)
        if not dataset.test:
            return metrics, None
        folder = workspace.folder / "test"
        folder.mkdir()
        tested = make(dataset.for_test(), card, dataclasses.replace(workspace, folder=folder))(path, lambda done: None)
        return metrics, tested


class TableJudge:
    """Of models of tables."""

    def misfit(self, card: ModelCard, data: Any) -> str | None:
        """See `Judge`: the same target, task and columns to learn from, with their types; classes once known."""
        from inference.tabular.inputs import TableShape

        shape, schema = TableShape.of(card.table or {}), data.schema
        if (shape.target, shape.task) != (schema.target, data.task.value):
            return f"it predicts '{shape.target}' ({shape.task}), the project '{schema.target}' ({data.task.value})"
        wanted, there = map(set, (shape.columns, schema.features))
        if wanted != there:
            differing = sorted({column.name for column in wanted ^ there})
            return f"it differs from the project's table in the columns {_listed(differing)}, or in their types"
        classes = getattr(data, "classes", None)
        if classes is not None and tuple(classes) != shape.classes:
            return f"its classes are {_listed(shape.classes)}, the project's {_listed(classes)}"
        return None

    def score(self, path: Path, card: ModelCard, dataset: Any, workspace: Workspace, advanced: Advanced) -> Scores:
        """See `Judge`."""
        from training.tabular.scoring import score_file

        return score_file(path, card, dataset)


class SeriesJudge:
    """Of detectors of anomalies."""

    def misfit(self, card: ModelCard, data: Any) -> str | None:
        """See `Judge`: the same sensors in the same order, since the model tells them apart by it."""
        wanted, there = list((card.series or {}).get("sensors", [])), list(data.schema.sensors)
        return None if wanted == there else f"its sensors are {_listed(wanted)}, the project's {_listed(there)}"

    def score(self, path: Path, card: ModelCard, dataset: Any, workspace: Workspace, advanced: Advanced) -> Scores:
        """See `Judge`."""
        from training.anomaly.scoring import score_file

        return score_file(path, card, dataset)


JUDGES: dict[str, Judge] = {
    "anomaly": SeriesJudge(),
    "classification": ImageJudge(),
    "detection": ImageJudge(),
    "tabular": TableJudge(),
}


def _listed(names: Any) -> str:
    shown = [f"'{name}'" for name in list(names)[:10]]
    return (", ".join(shown) or "none") + (", ..." if len(names) > len(shown) else "")
