"""Figures of judged rows, as JSON for Plotly and as pictures, made of the same panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inference.anomaly.judging import Judged
from inference.anomaly.panels import PANELS, Drawing, HeatPanel, Panel, drawing

FIGURES = tuple(PANELS)
_GAP = 0.04
_PANEL_PX = 130
_ALARM, _CHANGE, _LEVEL = "rgba(214,39,40,0.18)", "rgb(148,103,189)", "rgb(214,39,40)"
_LINE = "rgb(31,119,180)"


def figure(names: Sequence[str], judged: Sequence[Judged], title: str) -> dict[str, Any]:
    """A figure for Plotly: `data` and `layout`, plain values.

    Args:
        names: of `FIGURES`; one below the other.
        judged: rows of one series, in their order.
    """
    drawn = drawing(names, judged, title)
    domains = _domains([panel.height for panel in drawn.panels])
    layout: dict[str, Any] = {
        "title": {"text": _plain(title)},
        "showlegend": False,
        "height": round(_PANEL_PX * sum(panel.height for panel in drawn.panels)) + 120,
        # Below the last panel.
        "xaxis": {"type": "date" if drawn.is_timed else "linear", "anchor": _axis(len(domains))},
        "shapes": _shapes(drawn, domains),
    }
    data = []
    for number, (panel, domain) in enumerate(zip(drawn.panels, domains, strict=True), 1):
        axis = _axis(number)
        layout[axis.replace("y", "yaxis")] = {"domain": domain, "title": {"text": _plain(panel.title)}}
        data += _traces(panel, drawn.across, axis)
    return {"data": data, "layout": layout}


def png(names: Sequence[str], judged: Sequence[Judged], title: str, size_px: tuple[int, int] = (1200, 800)) -> bytes:
    """The same as a PNG file of so many pixels, width and height."""
    # What draws takes memory that whoever asks for no picture does without.
    from inference.anomaly.pictures import draw

    return draw(drawing(names, judged, title), size_px)


def _plain(text: str) -> str:
    """Text that Plotly, which reads some tags, shows as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _axis(number: int) -> str:
    return "y" if number <= 1 else f"y{number}"


def _domains(heights: Sequence[float]) -> list[list[float]]:
    """From where to where each panel goes, from the top; fractions of the whole height."""
    gaps = _GAP * (len(heights) - 1)
    scale = (1 - min(gaps, 0.5)) / sum(heights) if heights else 0
    gap = min(gaps, 0.5) / max(1, len(heights) - 1)
    top, domains = 1.0, []
    for height in heights:
        bottom = max(0.0, top - height * scale)
        domains.append([round(bottom, 6), round(top, 6)])
        top = bottom - gap
    return domains


def _traces(panel: Panel | HeatPanel, across: Sequence[str | int], axis: str) -> list[dict[str, Any]]:
    if isinstance(panel, HeatPanel):
        names = list(map(_plain, panel.shares))
        heat = {"type": "heatmap", "x": list(across), "y": names, "z": list(panel.shares.values()), "yaxis": axis}
        return [{**heat, "zmin": 0, "zmax": 1, "colorscale": "Blues", "showscale": False}]
    return [
        {
            "type": "scatter", "mode": "lines", "name": _plain(name), "x": list(across), "y": values, "yaxis": axis,
            "line": {"color": _LINE, "width": 1},
        }
        for name, values in panel.lines.items()
    ]  # fmt: skip


def _shapes(drawn: Drawing, domains: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    """Anomalies as bands over all panels, lasting changes as lines, thresholds where they are."""
    across = drawn.across
    shapes: list[dict[str, Any]] = [
        {
            "type": "rect", "xref": "x", "yref": "paper", "x0": across[first], "x1": across[last], "y0": 0, "y1": 1,
            "fillcolor": _ALARM, "line": {"width": 1, "color": _ALARM}, "layer": "below",
        }
        for first, last in drawn.stretches
    ]  # fmt: skip
    shapes += [
        {
            "type": "line", "xref": "x", "yref": "paper", "x0": across[place], "x1": across[place], "y0": 0, "y1": 1,
            "line": {"color": _CHANGE, "dash": "dot", "width": 1},
        }
        for place in drawn.changes
    ]  # fmt: skip
    for number, panel in enumerate(drawn.panels, 1):
        if isinstance(panel, Panel) and panel.level is not None:
            axis = _axis(number)
            level = {"type": "line", "xref": "paper", "yref": axis, "x0": 0, "x1": 1}
            shapes.append({**level, "y0": panel.level, "y1": panel.level, "line": {"color": _LEVEL, "dash": "dash"}})
    return shapes
