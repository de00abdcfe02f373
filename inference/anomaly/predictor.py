"""Rows of time series judged at once: from JSON to one answer a row."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from datasets.tables.cells import bare, text_of
from inference.anomaly.figures import FIGURES, figure, png
from inference.anomaly.judging import Judge, Judged
from inference.anomaly.reading import ReadingReader
from inference.anomaly.state import State
from inference.answers import RowPredictions
from inference.protocol import Bounds, ModelCard, Options, Predictor, Reading
from utils import InvalidInput, TooLarge, plural, some_of

_LONGEST_NAME = 100


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
        series = card.series or {}
        self._judge = Judge(session, card)
        self._reader = ReadingReader(self._judge.sensors, series.get("time"), series.get("time_column"))
        self._series: str | None = series.get("series")
        roles = (series.get(role) for role in ("time", "series", "label"))
        self._known = {*self._judge.sensors, *(name for name in roles if name)}

    def read(self, content: bytes, bounds: Bounds) -> SeriesReading:
        """Rows from JSON: a list of at most 10,000 objects, or an object with such `rows` and a `state`.

        Raises:
            InvalidInput: it is none, or a reading or a time cannot be read; says which.
            TooLarge: too many rows.
        """
        try:
            sent = json.loads(content)
        except (ValueError, RecursionError):
            raise InvalidInput("rows must be JSON: a list of objects, each with values by column name") from None
        rows, states = (sent["rows"], json.loads(sent["state"])) if isinstance(sent, dict) else (sent, {})
        if not isinstance(rows, list) or not rows:
            got = "none" if rows == [] else type(rows).__name__
            raise InvalidInput(f"rows must be a list of objects, at least one, got {got}")
        if len(rows) > bounds.most_rows:
            raise TooLarge(f"{len(rows):,} rows, at most {bounds.most_rows:,} at a time: send them in several")
        # All of them first: a series by itself does not know the numbers of its rows.
        self._reader.values(rows)
        self._reader.seconds(rows)
        series = {name: Series(State.of_bytes(base64.b64decode(state))) for name, state in states.items()}
        for place, row in enumerate(rows):
            name = self._name(row, place + 1)
            if name not in series:
                series[name] = Series(self._judge.begin())
            series[name].places.append(place)
        return SeriesReading(SeriesRows(rows, series), self._warnings(rows))

    def forward(self, inputs: SeriesRows) -> JudgedRows:
        """Judge the rows of each series in their order."""
        found: dict[int, Judged] = {}
        states: dict[str, State] = {}
        for name, series in inputs.series.items():
            if series.places:
                judged, states[name] = self._judge.judge(series.state, [inputs.rows[place] for place in series.places])
                found.update(zip(series.places, judged, strict=True))
            else:
                states[name] = series.state
        return JudgedRows([found[place] for place in range(len(inputs.rows))], states)

    def answer(self, outputs: JudgedRows, reading: SeriesReading, options: Options, draw: bool) -> RowPredictions:
        """See `Predictor`; a figure is drawn when the options name what is wanted.

        Raises:
            InvalidInput: there is no such figure, or the rows are of several series.
        """
        states = {name: base64.b64encode(state.to_bytes()).decode() for name, state in outputs.states.items()}
        rows = [judged.to_row() for judged in outputs.judged]
        answer = RowPredictions(rows, reading.warnings, json.dumps(states))
        if options.figures is None:
            return answer
        return self._drawn(answer, outputs, list(dict.fromkeys(options.figures)), options)

    def _drawn(self, answer: RowPredictions, outputs: JudgedRows, names: list[str], options: Options) -> RowPredictions:
        if unknown := [name for name in names if name not in FIGURES]:
            raise InvalidInput(f"names: there is no figure {some_of(unknown)}: there are {', '.join(FIGURES)}")
        if len(outputs.states) > 1:
            raise InvalidInput(f"rows: a figure is of one series, and these are of {some_of(sorted(outputs.states))}")
        title = options.title or ""
        if options.png:
            return replace(answer, picture=png(names, outputs.judged, title))
        return replace(answer, figure=figure(names, outputs.judged, title))

    def warm_up(self) -> None:
        """Judge one row in which everything is missing."""
        self._judge.judge(self._judge.begin(), [dict.fromkeys(self._judge.sensors)])

    def _name(self, row: Mapping[str, Any], number: int) -> str:
        """Of which series a row is."""
        if self._series is None:
            return ""
        try:
            return bare(text_of(row.get(self._series))) or ""
        except ValueError as error:
            raise InvalidInput(f"row {number}, column '{self._series}': {error}") from None

    def _warnings(self, rows: list[dict[str, Any]]) -> list[str]:
        given: dict[str, None] = {}
        for row in rows:
            if not given.keys() >= row.keys():
                given.update(dict.fromkeys(row))
        warnings = []
        if absent := [name for name in self._judge.sensors if name not in given]:
            warnings.append(f"{plural(len(absent), 'sensor')} not there, taken as missing: {some_of(absent)}")
        if extra := [name[:_LONGEST_NAME] for name in given if name not in self._known]:
            warnings.append(f"{plural(len(extra), 'column')} that the model does not use: {some_of(extra)}")
        return warnings
