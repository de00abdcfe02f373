"""What a training of a detector shows: pictures, the same as Plotly figures, and the numbers in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets.series.schema import SeriesSchema
from inference.anomaly.figures import FIGURES, figure, png
from training.anomaly.learning import Learned
from training.anomaly.validation import Validation
from training.pictures import draw_bars, draw_curves

_TITLE = "Validation rows"


def draw(
    folder: Path, schema: SeriesSchema, validation: Validation, learned: Learned, history: Sequence[dict[str, float]]
) -> tuple[Path, ...]:
    """Draw everything; gives the files."""
    judged, labels = validation.shown()
    paths = []
    for name in FIGURES:
        paths.append(_write(folder / f"{name}.plotly.json", figure([name], judged, _TITLE, labels)))
        paths.append(folder / f"{name}.png")
        paths[-1].write_bytes(png([name], judged, _TITLE, labels=labels))
    shares = validation.contributions()
    bars = sorted(((name, share, 0.0) for name, share in shares.items()), key=lambda bar: -bar[1])
    draw_bars(bars[:30], "mean share of the score", folder / "importance.png")
    paths.append(folder / "importance.png")
    board = [one.as_fields() for one in learned.ranked]
    paths.append(_write(folder / "leaderboard.json", [*board, *_failures(learned)]))
    paths.append(_write(folder / "figures.json", {"contributions": shares, "history": list(history)}))
    if history:
        losses = [{name: value for name, value in row.items() if name != "epoch"} for row in history]
        draw_curves(losses, folder / "curves.png")
        paths += [folder / "curves.png", _write(folder / "curves.plotly.json", _curves(losses))]
    return tuple(paths)


def _failures(learned: Learned) -> list[dict[str, Any]]:
    return [{"detector": name, "failed": reason} for name, reason in learned.failed.items()]


def _curves(history: Sequence[dict[str, float]]) -> dict[str, Any]:
    epochs = list(range(1, len(history) + 1))
    lines = [
        {"type": "scatter", "mode": "lines", "name": name, "x": epochs, "y": [row[name] for row in history]}
        for name in history[0]
    ]
    return {"data": lines, "layout": {"title": {"text": "Training"}, "xaxis": {"title": {"text": "epoch"}}}}


def _write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path
