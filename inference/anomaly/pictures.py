"""Drawings of judged rows as PNG files. Importing this brings matplotlib in.

Names come from users: they are drawn as they are, never read as markup; what the font lacks is a box.
"""

from __future__ import annotations

import io
import warnings
from datetime import datetime
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from inference.anomaly.panels import Drawing, HeatPanel, Panel

_DPI = 100
_PLAIN: dict[str, Any] = {"parse_math": False}
_LONGEST_NAME = 24


def draw(drawn: Drawing, size_px: tuple[int, int]) -> bytes:
    """A PNG file of so many pixels, width and height."""
    picture = Figure(figsize=(size_px[0] / _DPI, size_px[1] / _DPI), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(picture)
    picture.suptitle(_shown(drawn.title, 100), **_PLAIN)
    across = _places(drawn)
    heights = [panel.height for panel in drawn.panels]
    axes = picture.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axis, panel in zip(axes, drawn.panels, strict=True):
        _panel(axis, panel, across)
        _marks(axis, drawn, across)
    if drawn.is_timed:
        locator = AutoDateLocator()
        axes[-1].xaxis.set_major_locator(locator)
        axes[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator))
    else:
        axes[-1].set_xlabel("row")
    content = io.BytesIO()
    with warnings.catch_warnings():
        # "Glyph missing from font" and "layout not applied" are about looks; the picture is made all the same.
        warnings.simplefilter("ignore", UserWarning)
        picture.savefig(content, format="png")
    return content.getvalue()


def _places(drawn: Drawing) -> np.ndarray:
    if drawn.is_timed:
        return np.asarray(date2num([datetime.fromisoformat(str(at).removesuffix("Z")) for at in drawn.across]))
    return np.array(drawn.across, dtype=float)


def _panel(axis: Axes, panel: Panel | HeatPanel, across: np.ndarray) -> None:
    if isinstance(panel, HeatPanel):
        names = list(panel.shares)
        shares = np.array(list(panel.shares.values()), dtype=float).reshape(len(names), -1)
        axis.pcolormesh(across, np.arange(len(names)), shares, cmap="Blues", vmin=0, vmax=1, shading="nearest")
        axis.set_yticks(range(len(names)), [_shown(name) for name in names], fontsize=8, **_PLAIN)
        axis.invert_yaxis()
        return
    for values in panel.lines.values():
        axis.plot(across, np.array(values, dtype=float), linewidth=0.8)
    if panel.level is not None:
        axis.axhline(panel.level, color="tab:red", linestyle="--", linewidth=1)
    axis.set_ylabel(_shown(panel.title), fontsize=8, rotation=0, ha="right", va="center", **_PLAIN)
    axis.grid(alpha=0.3)


def _marks(axis: Axes, drawn: Drawing, across: np.ndarray) -> None:
    """Anomalies as bands, half a step wider than their rows; lasting changes as lines."""
    half = float(np.median(np.diff(across))) / 2 if len(across) > 1 else 0.5
    for first, last in drawn.stretches:
        axis.axvspan(across[first] - half, across[last] + half, color="tab:red", alpha=0.18, linewidth=0)
    for place in drawn.changes:
        axis.axvline(across[place], color="tab:purple", linestyle=":", linewidth=1)


def _shown(name: str, longest: int = _LONGEST_NAME) -> str:
    """A name short enough for a picture, without what no font can draw."""
    clean = "".join(c if c.isprintable() else " " for c in name.encode("utf-8", "replace").decode())
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"
