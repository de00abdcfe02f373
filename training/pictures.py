"""Pictures of a training for a person to look at, as PNG files.

Class names come from users: they are drawn as they are, never read as markup; what the font lacks is a box.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONGEST_NAME = 24
_MOST_NAMED_CLASSES = 60
_MOST_COUNTED_CLASSES = 25
_DPI = 100
_PLAIN: dict[str, Any] = {"parse_math": False}


def draw_curves(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draw metrics over epochs: those named `...loss` on the left, the others, fractions 0 to 1, on the right.

    Args:
        history: one row an epoch, name to value.
    """
    figure = _figure(10, 4)
    panels = figure.subplots(1, 2)
    epochs = range(1, len(history) + 1)
    for name in history[0]:
        panel = panels[0] if name.endswith("loss") else panels[1]
        panel.plot(epochs, [row[name] for row in history], marker="." if len(history) < 50 else "", label=name)
    panels[1].set_ylim(-0.02, 1.02)
    for panel in panels:
        panel.set_xlabel("epoch")
        panel.grid(alpha=0.3)
        if panel.lines:
            panel.legend()
    _save(figure, path)


def draw_confusion(matrix: np.ndarray, classes: Sequence[str], path: Path) -> None:
    """Draw a confusion matrix.

    Args:
        matrix: int, classes x classes; rows are what is true, columns what was predicted.
    """
    count = len(classes)
    side = min(14.0, 3.5 + 0.4 * count)
    figure = _figure(side + 1, side)
    panel = figure.subplots()
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    panel.set_xlabel("predicted")
    panel.set_ylabel("true")
    if count <= _MOST_NAMED_CLASSES:
        names = [_shown(name) for name in classes]
        panel.set_xticks(range(count), names, rotation=90, **_PLAIN)
        panel.set_yticks(range(count), names, **_PLAIN)
    if count <= _MOST_COUNTED_CLASSES:
        for row, column in zip(*np.nonzero(matrix), strict=True):
            colour = "white" if shares[row, column] > 0.5 else "black"
            panel.text(column, row, str(matrix[row, column]), ha="center", va="center", color=colour)
    _save(figure, path)


def draw_images(images: Sequence[np.ndarray], titles: Sequence[str], right: Sequence[bool], path: Path) -> None:
    """Draw images in rows of four, each with its title: green when right, red when wrong.

    Args:
        images: uint8, height x width x 3, RGB.
    """
    rows = math.ceil(len(images) / 4)
    figure = _figure(10, 2.8 * rows)
    panels = figure.subplots(rows, 4, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, image, title, good in zip(panels, images, titles, right, strict=False):
        panel.imshow(image)
        panel.set_title(_shown(title, 2 * _LONGEST_NAME), color="green" if good else "red", fontsize=9, **_PLAIN)
    _save(figure, path)


def draw_bars(bars: Sequence[tuple[str, float, float]], label: str, path: Path) -> None:
    """Draw named values as bars, the first on top, each with its deviation."""
    figure = _figure(8, 1.5 + 0.3 * len(bars))
    panel = figure.subplots()
    values, deviations = [value for _, value, _ in bars], [deviation for _, _, deviation in bars]
    panel.barh(range(len(bars)), values, xerr=deviations)
    panel.set_yticks(range(len(bars)), [_shown(name) for name, _, _ in bars], **_PLAIN)
    panel.invert_yaxis()
    panel.set_xlabel(label)
    _save(figure, path)


def draw_lines(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]], labels: tuple[str, str], path: Path
) -> None:
    """Draw named lines between 0 and 1 on both axes, beside the diagonal."""
    figure = _figure(6, 6)
    panel = figure.subplots()
    panel.plot([0, 1], [0, 1], color="grey", linestyle=":")
    for name, (across, up) in lines.items():
        [line] = panel.plot(across, up, marker="." if len(across) < 20 else "")
        # A legend's label that begins with an underscore would be left out.
        line.set_label(" " + _shown(name).replace("$", "\\$"))
    panel.set_xlabel(labels[0])
    panel.set_ylabel(labels[1])
    panel.grid(alpha=0.3)
    if lines:
        panel.legend()
    _save(figure, path)


def draw_points(across: np.ndarray, up: np.ndarray, labels: tuple[str, str], path: Path) -> None:
    """Draw points around a horizontal line at 0."""
    figure = _figure(8, 5)
    panel = figure.subplots()
    panel.scatter(across, up, s=8, alpha=0.5)
    panel.axhline(0, color="grey", linestyle=":")
    panel.set_xlabel(labels[0])
    panel.set_ylabel(labels[1])
    panel.grid(alpha=0.3)
    _save(figure, path)


def _figure(width: float, height: float) -> Figure:
    # Imported here, since the web server imports trainers and draws nothing.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> None:
    with warnings.catch_warnings():
        # "Glyph missing from font" and "layout not applied" are about looks; the picture is made all the same.
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(path, format="png")


def _shown(name: str, longest: int = _LONGEST_NAME) -> str:
    """A name short enough for a picture, without what no font can draw."""
    clean = "".join(c if c.isprintable() else " " for c in name.encode("utf-8", "replace").decode())
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"
