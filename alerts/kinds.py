"""Kinds of rules: when rows of a key are an incident, and when it is over. A further kind is one entry in `KINDS`."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from alerts.parameters import Parameters, RateParameters, ScoreParameters, SilenceParameters
from alerts.windows import RowWindow, TimeWindow
from storage.database import Document

if TYPE_CHECKING:
    from inference.anomaly.judging import Judged


class Verdict(str, Enum):
    """What a row means for an incident."""

    NOTHING = "nothing"
    # It begins here, unless one is open.
    OPEN = "open"
    # It is over.
    CLOSE = "close"


class Look(Protocol):
    """How one rule looks at the rows of one key, one after the other."""

    @property
    def odd(self) -> int:
        """How many of the rows it remembers are odd."""

    def is_odd(self, row: Judged) -> bool:
        """Whether a row is one of those that the rule is about."""

    def see(self, row: Judged, clock: float, is_open: bool) -> Verdict:
        """Take the next row.

        Args:
            clock: its time in seconds, never before that of the row before.
            is_open: whether an incident is.
        """

    def to_row(self) -> dict[str, Any]:
        """What it remembers, as values that the database keeps."""


class RuleKind(Protocol):
    """A kind of rules."""

    parameters: type[Parameters]
    notices_silence: bool

    def look(self, parameters: Document, row: Document) -> Look:
        """Go on from what `Look.to_row` gave, or begin with nothing."""

    def silence_seconds(self, parameters: Document) -> float | None:
        """After how long without a row there is an incident; None where that is none."""


class _ScoreLook:
    """Opens when `rows` of the last `of` rows are over `level`; closes when `clear_rows` rows in a row are under
    `clear_level`.
    """

    def __init__(self, parameters: Document, row: Document):
        self._parameters = parameters
        self._window = RowWindow(parameters["of"], row)
        self._calm: int = row.get("calm", 0)

    @property
    def odd(self) -> int:
        return self._window.odd

    def is_odd(self, row: Judged) -> bool:
        return row.score > self._parameters["level"]

    def see(self, row: Judged, clock: float, is_open: bool) -> Verdict:
        self._window.add(self.is_odd(row), clock)
        if not is_open:
            return Verdict.OPEN if self.odd >= self._parameters["rows"] else Verdict.NOTHING
        self._calm = self._calm + 1 if row.score < self._parameters["clear_level"] else 0
        if self._calm < self._parameters["clear_rows"]:
            return Verdict.NOTHING
        self._calm = 0
        self._window.clear()
        return Verdict.CLOSE

    def to_row(self) -> dict[str, Any]:
        return {**self._window.to_row(), "calm": self._calm}


class _RateLook:
    """Opens when anomalous rows of a window reach a number or a share; closes when they are down to a part of it."""

    def __init__(self, parameters: Document, row: Document):
        self._parameters = parameters
        self._window: RowWindow | TimeWindow = (
            RowWindow(parameters["rows"], row) if parameters["rows"] else TimeWindow(parameters["seconds"], row)
        )

    @property
    def odd(self) -> int:
        return self._window.odd

    def is_odd(self, row: Judged) -> bool:
        return row.anomaly

    def see(self, row: Judged, clock: float, is_open: bool) -> Verdict:
        self._window.add(row.anomaly, clock)
        if is_open:
            return Verdict.CLOSE if self._reached() <= self._parameters["clear"] else Verdict.NOTHING
        # A share of too few rows tells nothing.
        is_enough = self._parameters["count"] or self._window.total >= self._parameters["least_rows"]
        return Verdict.OPEN if is_enough and self._reached() >= 1 else Verdict.NOTHING

    def _reached(self) -> float:
        """The part of what opens an incident that there is."""
        if self._parameters["count"]:
            return self.odd / self._parameters["count"]
        return self.odd / self._window.total / self._parameters["share"]

    def to_row(self) -> dict[str, Any]:
        return self._window.to_row()


class _SilenceLook:
    """Any row ends the silence; that it began no row can tell."""

    odd = 0

    def is_odd(self, row: Judged) -> bool:
        return False

    def see(self, row: Judged, clock: float, is_open: bool) -> Verdict:
        return Verdict.CLOSE if is_open else Verdict.NOTHING

    def to_row(self) -> dict[str, Any]:
        return {}


class _Score:
    parameters: type[Parameters] = ScoreParameters
    notices_silence = False

    def look(self, parameters: Document, row: Document) -> Look:
        return _ScoreLook(parameters, row)

    def silence_seconds(self, parameters: Document) -> float | None:
        return None


class _Rate(_Score):
    parameters: type[Parameters] = RateParameters

    def look(self, parameters: Document, row: Document) -> Look:
        return _RateLook(parameters, row)


class _Silence:
    parameters: type[Parameters] = SilenceParameters
    notices_silence = True

    def look(self, parameters: Document, row: Document) -> Look:
        return _SilenceLook()

    def silence_seconds(self, parameters: Document) -> float | None:
        return float(parameters["seconds"])


KINDS: dict[str, RuleKind] = {"score": _Score(), "rate": _Rate(), "silence": _Silence()}
# Those of which a key that sends nothing can be an incident.
SILENCE_KINDS = tuple(name for name, kind in KINDS.items() if kind.notices_silence)
