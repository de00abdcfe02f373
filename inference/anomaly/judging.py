"""Rows of a series judged as they come: each by itself and those before it, never by what follows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np

from inference.anomaly.following import Followed, Memory, Rules, follow
from inference.anomaly.reading import ReadingReader, iso
from inference.anomaly.state import State
from inference.anomaly.windows import carried, windows
from inference.protocol import ModelCard
from inference.sessions import Session

__all__ = ["Judge", "Judged", "State"]

# What a run holds at once: rows x window x sensors doubles, several times over.
_MOST_CELLS = 1_000_000
_MODEL_BYTES = 16


@dataclass(frozen=True)
class Judged:
    """What a model says about one row.

    Attributes:
        score: smoothed, divided by the threshold: 1.0 is the threshold.
        anomaly: whether there is one now.
        contributions: share of each sensor in the score, 0 to 1, sum 1; all 0 when the score is 0.
        values: of the sensors, as read; None where missing.
        at: the row's time as ISO 8601 UTC; None when it has none.
        change_point: a lasting change of the score's level is told here; it began some rows before.
        warming_up: too few rows before it to be judged; never an anomaly.
    """

    score: float
    anomaly: bool
    contributions: dict[str, float]
    values: dict[str, float | None]
    at: str | None
    change_point: bool
    warming_up: bool = False

    def to_row(self) -> dict[str, Any]:
        """As JSON values; `of` gives it back."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Judged:
        """Back from what `to_row` made."""
        return cls(**{field.name: row[field.name] for field in fields(cls) if field.name in row})


class Judge:
    """Judges with one model; safe to use from many threads, since what is remembered is the caller's.

    Args:
        session: of the model's file, see `inference.sessions`.
        card: its card, of an `anomaly` project.
    """

    def __init__(self, session: Session, card: ModelCard):
        series = card.series or {}
        self._session = session
        self._model = bytes.fromhex(card.onnx_sha256)[:_MODEL_BYTES]
        self.sensors: tuple[str, ...] = tuple(series["sensors"])
        self.window = int(series["window"])
        self.rules = Rules.of(series)
        self.time: str | None = series.get("time")
        self._carry = int(series.get("carry_rows", 0))
        self._gap_seconds = float(series.get("gap_seconds") or math.inf)
        self._reader = ReadingReader(self.sensors, self.time, series.get("time_column"), series.get("number_formats"))

    def begin(self) -> State:
        """The state of a series, or of a sensor's key, of which nothing is known yet."""
        return State.begin(self._model, len(self.sensors), Memory.begin(self.rules))

    def check(self, rows: Sequence[Any], first: int = 1) -> None:
        """See that every row can be read.

        Raises:
            InvalidInput: one cannot; names row and column.
        """
        self._reader.values(rows, first)
        self._reader.seconds(rows, first)

    def judge(self, state: State, rows: Sequence[Mapping[str, Any]], first: int = 1) -> tuple[list[Judged], State]:
        """Judge the next rows of a series, in one go.

        Args:
            state: of the rows before; of another model it counts for nothing, and the series begins anew.
            rows: values by sensor; a sensor that is absent or null is missing.
            first: number of the first row, for messages.

        Returns:
            One answer a row, and the state for the rows that follow.

        Raises:
            InvalidInput: a row cannot be read; names row and column. Nothing is judged then.
        """
        values, seconds = self._reader.values(rows, first), self._reader.seconds(rows, first)
        judged: list[Judged] = []
        state = self._own(state)
        for part in self._stretches(state, seconds):
            before = state if part.start == 0 and not self._is_gap(state, seconds) else self.begin()
            answers, state = self._judge(before, values[part], seconds[part])
            judged += answers
        return judged, state

    def _judge(self, state: State, values: np.ndarray, seconds: np.ndarray) -> tuple[list[Judged], State]:
        """Rows between which no gap lies."""
        filled, ages = carried(values, state.rows, state.ages, self._carry)
        raw, parts = self.scores(state.rows, filled)
        warm = max(0, min(len(raw), self.window - 1 - state.seen))
        followed, memory = follow(raw[warm:], state.memory, self.rules)
        scores = np.concatenate([np.minimum(raw[:warm] / self.rules.threshold, self.rules.ceiling), followed.scores])
        judged = self._told(scores, followed, parts, values, seconds)
        kept = np.concatenate([state.rows, filled])
        kept = kept[max(0, len(kept) - self.window + 1) :]
        known = seconds[~np.isnan(seconds)]
        last = float(known[-1]) if len(known) else state.last_seconds
        return judged, State(self._model, state.seen + len(raw), last, memory, ages, kept)

    def scores(self, before: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Raw scores float64 [n] and shares of the sensors float64 [n, sensors], of rows after others."""
        at_once = max(1, _MOST_CELLS // (self.window * len(self.sensors)))
        scores, parts = [], []
        for some in windows(before, rows, self.window, at_once):
            score, part = self._session.run(["score", "contributions"], {"window": some})
            scores.append(np.asarray(score))
            parts.append(np.asarray(part))
        return np.concatenate(scores), np.concatenate(parts)

    def _told(
        self, scores: np.ndarray, followed: Followed, parts: np.ndarray, values: np.ndarray, seconds: np.ndarray
    ) -> list[Judged]:
        warm = len(scores) - len(followed.scores)
        anomalies = [False] * warm + followed.anomalies.tolist()
        changes = [False] * warm + followed.changes.tolist()
        totals = parts.sum(1, keepdims=True)
        shares = np.divide(parts, totals, out=np.zeros_like(parts), where=totals > 0).tolist()
        read = np.where(np.isnan(values), np.array(None), values.astype(object)).tolist()
        names = self.sensors
        return [
            Judged(
                score,
                anomaly,
                dict(zip(names, share, strict=True)),
                dict(zip(names, row, strict=True)),
                iso(at),
                change,
                number < warm,
            )
            for number, (score, anomaly, share, row, at, change) in enumerate(
                zip(scores.tolist(), anomalies, shares, read, seconds.tolist(), changes, strict=True)
            )
        ]

    def _own(self, state: State) -> State:
        is_own = state.model == self._model and len(state.ages) == len(self.sensors)
        return replace(state) if is_own else self.begin()

    def _is_gap(self, state: State, seconds: np.ndarray) -> bool:
        return bool(abs(seconds[0] - state.last_seconds) > self._gap_seconds)  # no time is no gap

    def _stretches(self, state: State, seconds: np.ndarray) -> Iterator[slice]:
        """Rows between which no long gap lies."""
        breaks = np.flatnonzero(np.abs(np.diff(seconds)) > self._gap_seconds) + 1
        edges = [0, *breaks.tolist(), len(seconds)]
        for start, stop in pairwise(edges):
            if stop > start:
                yield slice(start, stop)
