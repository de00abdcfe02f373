"""Rows of time series judged at once: from JSON to one answer a row."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from datasets.tables.cells import bare, text_of
from inference.anomaly.figures import figure, png
from inference.anomaly.judging import Judge, Judged
from inference.anomaly.state import State
from inference.answers import RowPredictions
from inference.protocol import Bounds, ModelCard, Options, Predictor, Reading
from utils import InvalidInput, TooLarge, plural, some_of

_LONGEST_NAME = 100
_MOST_SERIES = 1_000


@dataclass(frozen=True)
class Series:
    """The rows of one series.

    Attributes:
        state: what is remembered of those before.
        places: numbers of its rows among all, from 0.
    """

    state: State
    places: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class SeriesRows:
    """What is to be judged: rows as they came, and which are of which series, by its name."""

    rows: list[dict[str, Any]]
    series: dict[str, Series]


@dataclass(frozen=True)
class SeriesReading(Reading):
    """Rows that were read.

    Attributes:
        warnings: what a caller should know: sensors that are missing, columns that are not used.
    """

    inputs: SeriesRows
    warnings: list[str]

    def __len__(self) -> int:
        return len(self.inputs.rows)


@dataclass(frozen=True)
class JudgedRows:
    """Rows that were judged, in their order, and what is to be remembered of each series."""

    judged: list[Judged]
    states: dict[str, State]


class AnomalyPredictor(Predictor):
    """A model of time series; safe to call from several threads at once."""

    OPTIONS = frozenset({"figures", "png", "title"})

    def __init__(self, session: Any, card: ModelCard):
        super().__init__(session, card)
        self.judge = Judge(session, card)
        self._series: str | None = (card.series or {}).get("series")
        self._known = {*self.judge.sensors, self._series, self.judge.time, (card.series or {}).get("label")}

    def read(self, content: bytes, bounds: Bounds) -> SeriesReading:
        """Rows from JSON: a list of at most 10,000 objects, or an object with such `rows` and a `state`.

        Raises:
            InvalidInput: it is none, or a reading or a time cannot be read; says which.
            TooLarge: too many rows, or series.
        """
        try:
            sent = json.loads(content)
        except (ValueError, RecursionError):
            raise InvalidInput("rows must be JSON: a list of objects, each with values by column name") from None
        is_continued = isinstance(sent, dict) and {"rows", "state"} == sent.keys()
        rows, states = (sent["rows"], json.loads(sent["state"])) if is_continued else (sent, {})
        if not isinstance(rows, list) or not rows:
            got = "none" if rows == [] else type(rows).__name__
            raise InvalidInput(f"rows must be a list of objects, at least one, got {got}")
        if len(rows) > bounds.most_rows:
            raise TooLarge(f"{len(rows):,} rows, at most {bounds.most_rows:,} at a time: send them in several")
        self.judge.check(rows)
        series = {name: Series(State.of_bytes(base64.b64decode(state))) for name, state in states.items()}
        for place, row in enumerate(rows):
            name = self._name(row, place + 1)
            if name not in series:
                series[name] = Series(self.judge.begin())
            series[name].places.append(place)
        if len(series) > _MOST_SERIES:
            raise TooLarge(f"{len(series):,} series, at most {_MOST_SERIES:,} at a time: send them in several")
        return SeriesReading(SeriesRows(rows, series), self._warnings(rows, series))

    def forward(self, inputs: SeriesRows) -> JudgedRows:
        """Judge the rows of each series in their order."""
        found: dict[int, Judged] = {}
        states: dict[str, State] = {}
        for name, series in inputs.series.items():
            if series.places:
                judged, states[name] = self.judge.judge(series.state, [inputs.rows[place] for place in series.places])
                found.update(zip(series.places, judged, strict=True))
            else:
                states[name] = series.state
        return JudgedRows([found[place] for place in range(len(inputs.rows))], states)

    def answer(self, outputs: JudgedRows, reading: SeriesReading, options: Options, draw: bool) -> RowPredictions:
        """See `Predictor`; a figure is drawn when the options name what is wanted.

        Raises:
            InvalidInput: there is no figure of such a name, or the rows are of several series.
        """
        states = {name: base64.b64encode(state.to_bytes()).decode() for name, state in outputs.states.items()}
        rows = [judged.to_row() for judged in outputs.judged]
        answer = RowPredictions(rows, reading.warnings, json.dumps(states))
        if options.figures is None:
            return answer
        return self._drawn(answer, outputs, list(dict.fromkeys(options.figures)), options)

    def _drawn(self, answer: RowPredictions, outputs: JudgedRows, names: list[str], options: Options) -> RowPredictions:
        if len(outputs.states) > 1:
            raise InvalidInput(f"rows: a figure is of one series, and these are of {some_of(sorted(outputs.states))}")
        title = options.title or ""
        if options.png:
            return replace(answer, picture=png(names, outputs.judged, title))
        return replace(answer, figure=figure(names, outputs.judged, title))

    def warm_up(self) -> None:
        """Judge one row in which everything is missing."""
        self.judge.judge(self.judge.begin(), [dict.fromkeys(self.judge.sensors)])

    def _name(self, row: Mapping[str, Any], number: int) -> str:
        """Of which series a row is."""
        if self._series is None:
            return ""
        try:
            return bare(text_of(row.get(self._series))) or ""
        except ValueError as error:
            raise InvalidInput(f"row {number}, column '{self._series}': {error}") from None

    def _warnings(self, rows: list[dict[str, Any]], series: Mapping[str, Series]) -> list[str]:
        given: dict[str, None] = {}
        for row in rows:
            if not given.keys() >= row.keys():
                given.update(dict.fromkeys(row))
        warnings = []
        if absent := [name for name in self.judge.sensors if name not in given]:
            warnings.append(f"{plural(len(absent), 'sensor')} not there, taken as missing: {some_of(absent)}")
        if self._series is not None and self._series not in given:
            name = self._series[:_LONGEST_NAME]
            warnings.append(f"the column '{name}', which tells series apart, is not there: all rows are taken for one")
        if extra := [name[:_LONGEST_NAME] for name in given if name not in self._known]:
            warnings.append(f"{plural(len(extra), 'column')} that the model does not use: {some_of(extra)}")
        if any(one.places and one.state.seen < self.judge.window - 1 for one in series.values()):
            first, which = plural(self.judge.window - 1, "row"), "each" if len(series) > 1 else "the"
            warnings.append(f"the first {first} of {which} series warm up: no anomaly is told")
        return warnings
