"""Predictions for rows of time series: from JSON to one judgement a row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference.anomaly.judging import Judge, Judged
from inference.answers import RowPredictions
from inference.protocol import Bounds, ModelCard, Options, Predictor, Reading
from utils import InvalidInput, TooLarge, plural, some_of

_MOST_SERIES = 1_000


@dataclass(frozen=True)
class SeriesReading(Reading):
    """Rows that were read.

    Attributes:
        inputs: of each series, the places of its rows in the content, and the rows.
        count: rows in all.
        warnings: what a caller should know.
    """

    inputs: list[tuple[list[int], list[Mapping[str, Any]]]]
    count: int
    warnings: list[str]

    def __len__(self) -> int:
        return self.count


class AnomalyPredictor(Predictor):
    """A model of anomalies; safe to call from several threads at once. Every content begins its series anew."""

    OPTIONS = frozenset()

    def __init__(self, session: Any, card: ModelCard):
        super().__init__(session, card)
        self.judge = Judge(session, card)
        self._series: str | None = (card.series or {}).get("series")
        self._known = {*self.judge.sensors, self._series, self.judge.time, (card.series or {}).get("label")}

    def read(self, content: bytes, bounds: Bounds) -> SeriesReading:
        """Rows from JSON: a list of at most 10,000 objects, values by sensor, in order of time within each series.

        Raises:
            InvalidInput: it is none.
            TooLarge: too many rows, or series.
        """
        try:
            rows = json.loads(content)
        except (ValueError, RecursionError):
            raise InvalidInput("rows must be JSON: a list of objects, each with values by sensor") from None
        if isinstance(rows, list) and len(rows) > bounds.most_rows:
            raise TooLarge(f"{len(rows):,} rows, at most {bounds.most_rows:,} at a time: send them in several")
        return self.read_rows(rows)

    def read_rows(self, rows: Any) -> SeriesReading:
        """Rows that are Python values already; see `read`."""
        if not isinstance(rows, list) or not rows:
            got = "none" if rows == [] else type(rows).__name__
            raise InvalidInput(f"rows must be a list of objects, at least one, got {got}")
        self.judge.check(rows)
        places: dict[str, list[int]] = {}
        for place, row in enumerate(rows):
            key = "" if self._series is None or row.get(self._series) is None else str(row[self._series])
            places.setdefault(key, []).append(place)
        if len(places) > _MOST_SERIES:
            raise TooLarge(f"{len(places):,} series, at most {_MOST_SERIES:,} at a time: send them in several")
        inputs = [(found, [rows[place] for place in found]) for found in places.values()]
        return SeriesReading(inputs, len(rows), self._warnings(rows, len(places)))

    def forward(self, inputs: list[tuple[list[int], list[Mapping[str, Any]]]]) -> list[Judged]:
        """Judge each series from its first row on; answers in the order of the content."""
        judged: dict[int, Judged] = {}
        for places, rows in inputs:
            answers, _ = self.judge.judge(self.judge.begin(), rows)
            judged.update(zip(places, answers, strict=True))
        return [judged[place] for place in sorted(judged)]

    def answer(self, outputs: list[Judged], reading: SeriesReading, options: Options, draw: bool) -> RowPredictions:
        """See `Predictor`; pictures are made by `inference.anomaly.figures`."""
        return RowPredictions([one.to_row() for one in outputs], reading.warnings)

    def warm_up(self) -> None:
        """Judge one row in which everything is missing."""
        self.judge.judge(self.judge.begin(), [dict.fromkeys(self.judge.sensors)])

    def _warnings(self, rows: list[Mapping[str, Any]], series: int) -> list[str]:
        given: dict[str, None] = {}
        for row in rows:
            if not given.keys() >= row.keys():
                given.update(dict.fromkeys(row))
        warnings = []
        if absent := [name for name in self.judge.sensors if name not in given]:
            warnings.append(f"{plural(len(absent), 'sensor')} not there, taken as missing: {some_of(absent)}")
        if extra := [name[:100] for name in given if name not in self._known]:
            warnings.append(f"{plural(len(extra), 'column')} that the model does not use: {some_of(extra)}")
        if self.judge.window > 1:
            first = plural(self.judge.window - 1, "row")
            warnings.append(
                f"the first {first} of {'each' if series > 1 else 'the'} series warm up: no anomaly is told"
            )
        return warnings
