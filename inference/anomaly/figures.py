"""Pictures of judged rows: as Plotly figures, for whoever draws in a browser, and as PNG."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from inference.anomaly.judging import Judged
from utils import InvalidInput

_MOST_SENSORS = 12
_LONGEST_NAME = 40
_RED, _GREY, _BLUE = "#c0392b", "#888888", "#1f5fa8"
_DPI = 100
Labels = Sequence[bool] | None


def figure(names: Sequence[str], judged: Sequence[Judged], title: str, labels: Labels = None) -> dict[str, Any]:
    """A Plotly figure as plain JSON values: one panel a name, all over the same rows.

    Args:
        names: of `FIGURES`.
        judged: in their order; the horizontal axis is their time, or their number where one has none.
        labels: bool a row, what was an anomaly in truth; drawn as a strip where given.

    Raises:
        InvalidInput: a name is unknown, or there is none.
    """
    _check(names)
    across = _across(judged)
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"title": {"text": title}, "showlegend": True, "shapes": []}
    for place, name in enumerate(names, 1):
        suffix = "" if place == 1 else str(place)
        low, high = 1 - place / len(names), 1 - (place - 1) / len(names)
        layout[f"yaxis{suffix}"] = {"domain": [low + 0.04 / len(names), high - 0.02], "title": {"text": name}}
        anchor = {"anchor": f"y{suffix}", **({"matches": "x"} if suffix else {})}
        layout[f"xaxis{suffix}"] = anchor
        axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        data += [{**trace, **axes} for trace in FIGURES[name](judged, across)]
        layout["shapes"] += [_band(band, across, suffix) for band in _bands([row.anomaly for row in judged])]
        if labels is not None:
            layout["shapes"] += [_strip(band, across, suffix) for band in _bands(labels)]
    return {"data": data, "layout": layout}


def png(
    names: Sequence[str],
    judged: Sequence[Judged],
    title: str,
    size_px: tuple[int, int] = (1200, 800),
    labels: Labels = None,
) -> bytes:
    """The same as a PNG file; raises as `figure`."""
    _check(names)
    # Imported here: whoever judges rows draws nothing most of the time.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(size_px[0] / _DPI, size_px[1] / _DPI), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(drawn)
    across = _times(_across(judged))
    drawn.suptitle(_shown(title), parse_math=False)
    panels = drawn.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for panel, name in zip(panels, names, strict=True):
        for trace in FIGURES[name](judged, across):
            _plot(panel, trace)
        _shade(panel, judged, across, labels)
        panel.set_ylabel(name)
        panel.grid(alpha=0.3)
        if panel.get_legend_handles_labels()[1]:
            legend = panel.legend(loc="upper left", fontsize="small")
            for text in legend.get_texts():
                text.set_parse_math(False)
    content = io.BytesIO()
    with warnings.catch_warnings():
        # "Glyph missing from font" is about looks; the picture is made all the same.
        warnings.simplefilter("ignore", UserWarning)
        drawn.savefig(content, format="png")
    return content.getvalue()


def _check(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in FIGURES]
    if unknown or not names:
        got = f"'{unknown[0][:50]}'" if unknown else "none"
        raise InvalidInput(f"figures are {', '.join(FIGURES)}, got {got}")


def _series(judged: Sequence[Judged], across: list[Any]) -> Iterator[dict[str, Any]]:
    """Values in units of their own spread, since sensors have different ones; then the score below them."""
    for name in _sensors(judged):
        values = [row.values.get(name) for row in judged]
        scaled = _in_spreads(values)
        yield _line(_shown(name), across, scaled, text=values)
    yield _line("score", across, [row.score - 6.0 for row in judged], color="black", text=[r.score for r in judged])
    yield _line("threshold", across, [-5.0] * len(judged), color=_RED, dash="dash")
    yield _marks("anomaly", across, [-6.5 if row.anomaly else None for row in judged], _RED)


def _in_spreads(values: Sequence[float | None]) -> list[float | None]:
    """Values less their mean, by their deviation."""
    # By the largest first: squares of what a broken sensor reads may be more than a number can hold.
    largest = max((abs(value) for value in values if value is not None), default=0.0) or 1.0
    shares = [None if value is None else value / largest for value in values]
    known = [share for share in shares if share is not None]
    middle = sum(known) / len(known) if known else 0.0
    spread = math.sqrt(sum((share - middle) ** 2 for share in known) / len(known)) if known else 1.0
    return [None if share is None else (share - middle) / (spread or 1.0) for share in shares]


def _score(judged: Sequence[Judged], across: list[Any]) -> Iterator[dict[str, Any]]:
    yield _line("score", across, [row.score for row in judged], color=_BLUE)
    yield _line("threshold", across, [1.0] * len(judged), color=_RED, dash="dash")
    yield _marks("anomaly", across, [row.score if row.anomaly else None for row in judged], _RED)
    yield _marks("change", across, [row.score if row.change_point else None for row in judged], "black", "diamond")


def _contributions(judged: Sequence[Judged], across: list[Any]) -> Iterator[dict[str, Any]]:
    for name in _sensors(judged):
        yield {
            **_line(_shown(name), across, [row.contributions.get(name, 0.0) * row.score for row in judged]),
            "stackgroup": "sensors",
        }


FIGURES: dict[str, Callable[[Sequence[Judged], list[Any]], Iterator[dict[str, Any]]]] = {
    "series": _series,
    "contributions": _contributions,
    "score": _score,
}


def _sensors(judged: Sequence[Judged]) -> list[str]:
    """Those that say most, when there are more than a picture can show."""
    totals: dict[str, float] = {}
    for row in judged:
        for name, share in row.contributions.items():
            totals[name] = totals.get(name, 0.0) + share * row.score
    kept = set(sorted(totals, key=lambda name: -totals[name])[:_MOST_SENSORS])
    return [name for name in totals if name in kept]


def _line(name: str, x: list[Any], y: list[Any], color: str = "", dash: str = "", text: Any = None) -> dict[str, Any]:
    style: dict[str, Any] = {"width": 1.2, **({"color": color} if color else {}), **({"dash": dash} if dash else {})}
    hover = {} if text is None else {"text": [None if value is None else f"{value:.6g}" for value in text]}
    return {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "line": style, **hover}


def _marks(name: str, x: list[Any], y: list[Any], color: str, symbol: str = "circle") -> dict[str, Any]:
    marker = {"color": color, "size": 5, "symbol": symbol}
    return {"type": "scatter", "mode": "markers", "name": name, "x": x, "y": y, "marker": marker}


def _across(judged: Sequence[Judged]) -> list[Any]:
    times = [row.at for row in judged]
    return times if times and all(times) else list(range(1, len(judged) + 1))


def _times(across: list[Any]) -> list[Any]:
    if across and isinstance(across[0], str):
        return [datetime.fromisoformat(at.replace("Z", "+00:00")) for at in across]
    return across


def _bands(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Runs of true, each by its first and its last row."""
    start = None
    for place, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = place
        if not flag and start is not None:
            yield start, place - 1
            start = None


def _band(band: tuple[int, int], across: list[Any], suffix: str) -> dict[str, Any]:
    ends = {"x0": across[band[0]], "x1": across[band[1]], "xref": f"x{suffix}", "yref": f"y{suffix} domain"}
    look = {"fillcolor": _RED, "opacity": 0.12, "line": {"width": 0}, "layer": "below"}
    return {"type": "rect", "y0": 0, "y1": 1, **ends, **look}


def _strip(band: tuple[int, int], across: list[Any], suffix: str) -> dict[str, Any]:
    return {**_band(band, across, suffix), "y0": 0.97, "fillcolor": _GREY, "opacity": 0.9}


def _plot(panel: Any, trace: dict[str, Any]) -> None:
    y = [math.nan if value is None else value for value in trace["y"]]
    if trace["mode"] == "markers":
        if not all(map(math.isnan, y)):
            mark = "D" if trace["marker"]["symbol"] == "diamond" else "."
            panel.plot(trace["x"], y, mark, color=trace["marker"]["color"], label=trace["name"], markersize=4)
        return
    style = {"linestyle": "--"} if trace["line"].get("dash") else {}
    panel.plot(trace["x"], y, label=trace["name"], color=trace["line"].get("color"), linewidth=1, **style)


def _shade(panel: Any, judged: Sequence[Judged], across: list[Any], labels: Labels) -> None:
    for start, stop in _bands([row.anomaly for row in judged]):
        panel.axvspan(across[start], across[stop], color=_RED, alpha=0.12, linewidth=0)
    for start, stop in _bands(labels or []):
        panel.axvspan(across[start], across[stop], ymin=0.97, color=_GREY, alpha=0.9, linewidth=0)


def _shown(name: str) -> str:
    """A name short enough for a picture, without what no font can draw."""
    clean = "".join(c if c.isprintable() else " " for c in name.encode("utf-8", "replace").decode())
    return clean if len(clean) <= _LONGEST_NAME else clean[: _LONGEST_NAME - 1] + "…"
