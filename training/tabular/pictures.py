"""What a training of a table shows: pictures, and the numbers that are drawn in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from inference.tabular.inputs import TableShape
from training.pictures import draw_bars, draw_confusion, draw_lines, draw_points
from training.tabular.data import Rows

_BINS = 10
_MOST_CURVES = 12
_MOST_POINTS = 200
_MOST_BARS = 30
_MOST_DOTS = 3_000


def draw(
    folder: Path, shape: TableShape, rows: Rows, outputs: np.ndarray, metrics: dict[str, Any]
) -> tuple[tuple[Path, ...], dict[str, Any]]:
    """Draw what there is for the task; gives the files, and the numbers by name."""
    bars = metrics["importance"][:_MOST_BARS]
    paths = [folder / "importance.png"]
    word = f"fall of {metrics['score_is']} when shuffled"
    draw_bars([(b["column"], b["mean"], b["deviation"]) for b in bars], word, paths[0])
    if not shape.classes:
        values = outputs[:, 0]
        numbers = _residuals(rows.targets, values)
        paths.append(folder / "residuals.png")
        draw_points(
            values[:_MOST_DOTS], (rows.targets - values)[:_MOST_DOTS], ("predicted", "true - predicted"), paths[1]
        )
        return tuple(paths), {"importance": metrics["importance"], "residuals": numbers}
    roc, calibration = _roc(shape, rows.targets, outputs), _calibration(rows.targets, outputs)
    paths += [folder / f"{name}.png" for name in ("confusion", "roc", "calibration")]
    draw_confusion(np.array(metrics["confusion"]), shape.classes, paths[1])
    lines = {name: (curve["false_positive_rate"], curve["true_positive_rate"]) for name, curve in roc.items()}
    draw_lines(dict(list(lines.items())[:_MOST_CURVES]), ("false positive rate", "true positive rate"), paths[2])
    draw_lines({"model": (calibration["said"], calibration["right"])}, ("confidence", "right"), paths[3])
    return tuple(paths), {"importance": metrics["importance"], "roc": roc, "calibration": calibration}


def _roc(shape: TableShape, targets: np.ndarray, outputs: np.ndarray) -> dict[str, dict[str, list[float]]]:
    """Of each class against the others; of two the second only."""
    wanted = range(1, 2) if len(shape.classes) == 2 else range(len(shape.classes))
    curves = {}
    for index in wanted:
        positive = targets == index
        if not 0 < positive.sum() < len(positive):
            continue
        order = np.argsort(-outputs[:, index], kind="stable")
        # Rows with equal scores are one step, or the order of the file would draw the curve.
        ends = np.flatnonzero(np.append(np.diff(outputs[order, index]) != 0, True))
        hits, misses = np.cumsum(positive[order])[ends], np.cumsum(~positive[order])[ends]
        kept = np.unique(np.linspace(0, len(ends) - 1, _MOST_POINTS).astype(int))
        curves[shape.classes[index]] = {
            "false_positive_rate": [0.0, *(misses[kept] / (~positive).sum()).round(6).tolist()],
            "true_positive_rate": [0.0, *(hits[kept] / positive.sum()).round(6).tolist()],
        }
    return curves


def _calibration(targets: np.ndarray, outputs: np.ndarray) -> dict[str, list[float]]:
    """Rows by how sure the model was, in tenths: mean confidence, and how many of them were right."""
    sure, right = outputs.max(1), outputs.argmax(1) == targets
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    used = [index for index in range(_BINS) if (bins == index).any()]
    return {
        "said": [round(float(sure[bins == index].mean()), 6) for index in used],
        "right": [round(float(right[bins == index].mean()), 6) for index in used],
        "rows": [int((bins == index).sum()) for index in used],
    }


def _residuals(targets: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    """Quantiles and a histogram of true less predicted."""
    rest = targets - values
    counts, edges = np.histogram(rest, 20)
    marks = (0, 5, 25, 50, 75, 95, 100)
    return {
        "percentiles": {str(mark): round(float(np.percentile(rest, mark)), 9) for mark in marks},
        "histogram": {"edges": edges.round(9).tolist(), "counts": counts.tolist()},
    }
