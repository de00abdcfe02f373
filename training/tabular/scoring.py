"""What a model of tables that is there already is worth on a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets.tables.schema import TableDataset
from inference.protocol import ModelCard
from inference.sessions import open_session
from inference.tabular.inputs import TableShape
from inference.tabular.predictor import TabularPredictor
from training.tabular.data import Rows, load
from training.tabular.metrics import SCORE, confusion, intervals, rounded, scores


def score_file(path: Path, card: ModelCard, dataset: TableDataset) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Metrics of an ONNX file on the validation rows, and on the test rows where there are some, named as by `fit`.

    Raises:
        TrainingFailed: a target is none of the model's classes, or no number.
    """
    shape = TableShape.of(card.table or {})
    seed = int(card.dataset.get("seed", 0))
    parts, predictor = load(dataset, shape, seed), TabularPredictor(open_session(path, threads=1), card)

    def judged(rows: Rows) -> dict[str, Any]:
        outputs = predictor.forward(rows.inputs)
        found, name = rounded(scores(rows.targets, outputs)), SCORE[bool(shape.classes)]
        metrics = {"score": found.get(name, 0.0), "score_is": name, **found}
        metrics["intervals_95"] = intervals(rows.targets, outputs, seed)
        return {**metrics, "confusion": confusion(rows.targets, outputs).tolist()} if shape.classes else metrics

    return judged(parts.val), judged(parts.test) if parts.test else None
