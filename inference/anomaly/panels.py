"""What figures of judged rows show: panels one below the other, over the same rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inference.anomaly.judging import Judged
from utils import plural

MOST_SENSORS = 12
THRESHOLD = 1.0


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        lines: by name, a value a row; None where there is none.
        level: of a horizontal line; None for none.
        height: of the panel, beside that of others.
    """

    title: str
    lines: dict[str, list[float | None]]
    level: float | None = None
    height: float = 1.0


@dataclass(frozen=True)
class HeatPanel:
    """Shares of sensors as colours: a row a sensor, 0 to 1.

    Attributes:
        shares: by sensor, a value for each of the rows.
    """

    title: str
    shares: dict[str, list[float]]
    height: float = 1.0


@dataclass(frozen=True)
class Drawing:
    """Everything that is to be seen.

    Attributes:
        across: where each row lies: its time by ISO 8601, or its number from 1.
        stretches: first and last row of each anomaly, by place from 0.
        changes: places of rows at which a lasting change was told.
    """

    title: str
    across: list[str] | list[int]
    panels: list[Panel | HeatPanel]
    stretches: list[tuple[int, int]]
    changes: list[int]

    @property
    def is_timed(self) -> bool:
        """Whether rows lie at their times."""
        return bool(self.across) and isinstance(self.across[0], str)


def drawing(names: Sequence[str], judged: Sequence[Judged], title: str) -> Drawing:
    """What figures of these names show of rows of one series.

    Args:
        names: keys of `PANELS`; what is in several of them is there once.
    """
    panels: list[Panel | HeatPanel] = []
    for name in names:
        panels += [panel for panel in PANELS[name](judged) if panel not in panels]
    times = [row.at for row in judged if row.at is not None]
    across: list[str] | list[int] = times if len(times) == len(judged) else list(range(1, len(judged) + 1))
    changes = [place for place, row in enumerate(judged) if row.change_point]
    return Drawing(title, across, panels, stretches([row.anomaly for row in judged]), changes)


def stretches(anomalies: Sequence[bool]) -> list[tuple[int, int]]:
    """First and last place of each run of true."""
    found: list[tuple[int, int]] = []
    for place, is_anomaly in enumerate(anomalies):
        if not is_anomaly:
            continue
        if found and found[-1][1] == place - 1:
            found[-1] = (found[-1][0], place)
        else:
            found.append((place, place))
    return found


def _sensors(judged: Sequence[Judged]) -> list[str]:
    """Those that are shown, in their order: with many, the ones that had the largest part in the scores."""
    names = list(judged[0].contributions) if judged else []
    parts = {name: sum(row.score * row.contributions.get(name, 0.0) for row in judged) for name in names}
    shown = set(sorted(names, key=lambda name: -parts[name])[:MOST_SENSORS])
    return [name for name in names if name in shown]


def _score(judged: Sequence[Judged]) -> list[Panel | HeatPanel]:
    return [Panel("score", {"score": [row.score for row in judged]}, THRESHOLD, 1.5)]


def _series(judged: Sequence[Judged]) -> list[Panel | HeatPanel]:
    values = [Panel(name, {name: [row.values.get(name) for row in judged]}) for name in _sensors(judged)]
    return [*values, *_score(judged)]


def _contributions(judged: Sequence[Judged]) -> list[Panel | HeatPanel]:
    names = _sensors(judged)
    shares = {name: [row.contributions.get(name, 0.0) for row in judged] for name in names}
    left_out = len(judged[0].contributions) - len(names) if judged else 0
    more = f" ({plural(left_out, 'sensor')} left out)" if left_out else ""
    return [HeatPanel(f"contributions{more}", shares, 1 + 0.25 * len(names))]


# By the name of a figure, what is in it.
PANELS: dict[str, Callable[[Sequence[Judged]], list[Panel | HeatPanel]]] = {
    "series": _series,
    "score": _score,
    "contributions": _contributions,
}
