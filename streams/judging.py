"""Judges messages with what is remembered of each key."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from inference.anomaly.judging import Judged, State
from storage.store import Store
from storage.streams import Stream
from streams.merging import Merging
from streams.messages import Message, key_of
from streams.models import Serving
from utils import InvalidInput

MOST_KEYS = 10_000
_MOST_REMEMBERED = 2_000
# What the document of a batch may come to, far below the database's bound of 16 MiB.
_MOST_CELLS, _MOST_CELLS_A_MESSAGE = 30_000, 60_000
_MOST_STATE_BYTES = 4_000_000
_MOST_TEXT = 2_000_000

Rows = list[tuple[str, Judged]]
Keyed = list[tuple[str, Mapping[str, Any]]]


@dataclass
class Outcome:
    """What came of messages.

    Attributes:
        judged: one a message: its rows with their keys, or why there are none.
        states: by key, after these messages.
    """

    judged: list[Rows | str] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)

    def by_key(self) -> dict[str, list[Judged]]:
        """All rows of a key, in order."""
        found: dict[str, list[Judged]] = defaultdict(list)
        for rows in self.judged:
            for key, judged in rows if not isinstance(rows, str) else ():
                found[key].append(judged)
        return found


class Judging:
    """States of a stream's keys; to be used by one thread.

    Args:
        stream: as it was when its lease was taken.
        merging: gets the states.
    """

    def __init__(self, store: Store, stream: Stream, merging: Merging):
        self._store = store
        self._stream = stream
        self._states: OrderedDict[str, State] = OrderedDict()
        self._merging = merging
        self._keys = set(store.stream_states.keys(stream.id))

    def cut(self, messages: Sequence[Message], serving: Serving | None) -> int:
        """How many of the messages make one batch; at least one."""
        cells, text, keys = 0, 0, set[str]()
        for number, message in enumerate(messages):
            cells += len(message.rows) * (len(serving.judge.sensors) + 3 if serving else 1)
            text += len(message.body)
            keys |= self._keys_in(message, serving)
            states = len(keys) * (serving.state_bytes if serving else 0)
            if number and (cells > _MOST_CELLS or text > _MOST_TEXT or states > _MOST_STATE_BYTES):
                return number
        return len(messages)

    def judge(self, messages: Sequence[Message], serving: Serving) -> Outcome:
        """Judge messages in their order. One that cannot be judged changes nothing for the others."""
        reasons = [message.reason or self._refusal(message, serving) for message in messages]
        keyed: list[Keyed] = [
            [] if reason else self._keyed(message, serving) for message, reason in zip(messages, reasons, strict=True)
        ]
        before = self._load({key for rows in keyed for key, _ in rows}, serving)
        try:
            found = _together(keyed, before, serving)
        except InvalidInput:
            found = _apart(keyed, before, serving)
        judged = [reason or rows for reason, rows in zip(reasons, found.judged, strict=True)]
        return Outcome(judged, found.states)

    def accept(self, outcome: Outcome) -> None:
        """What was judged counts."""
        for key, state in outcome.states.items():
            self._states[key] = state
            self._states.move_to_end(key)
        self._keys |= outcome.states.keys()
        while len(self._states) > _MOST_REMEMBERED:
            self._states.popitem(last=False)

    def _load(self, keys: set[str], serving: Serving) -> dict[str, State]:
        missing = [key for key in keys if key not in self._states]
        stored = {key: state for key in missing if (state := self._merging.find(key)) is not None}
        if rest := [key for key in missing if key not in stored and key in self._keys]:
            stored |= self._store.stream_states.load(self._stream.id, rest)
        return {key: self._states.get(key) or _state(stored.get(key), serving) for key in keys}

    def _keyed(self, message: Message, serving: Serving) -> list[tuple[str, Mapping[str, Any]]]:
        column = self._stream.key or serving.key
        return [(key_of(row, column), row) for row in message.rows]

    def _keys_in(self, message: Message, serving: Serving | None) -> set[str]:
        try:
            return {key for key, _ in self._keyed(message, serving)} if serving else set()
        except InvalidInput:
            return set()

    def _refusal(self, message: Message, serving: Serving) -> str | None:
        """Why a message cannot be judged, as far as can be told before it is."""
        column = self._stream.key or serving.key
        keys = set()
        for number, row in enumerate(message.rows, 1):
            try:
                keys.add(key_of(row, column))
            except InvalidInput as error:
                return f"row {number}: {error.detail}"
        cells = len(message.rows) * len(serving.judge.sensors)
        if cells > _MOST_CELLS_A_MESSAGE or len(keys) * serving.state_bytes > 2 * _MOST_STATE_BYTES:
            return (
                f"{len(message.rows):,} rows of {len(keys):,} keys and {len(serving.judge.sensors):,} sensors are too "
                "much for one message: send several"
            )
        if len(self._keys | keys) > MOST_KEYS and keys - self._keys:
            return (
                f"a stream may have {MOST_KEYS:,} keys, and has them: is '{column}' the column that names the sensor?"
            )
        return None


def _state(stored: bytes | None, serving: Serving) -> State:
    if stored is not None:
        try:
            return State.of_bytes(stored)
        except ValueError:  # of an earlier version of this program
            pass
    return serving.judge.begin()


def _together(messages: list[Keyed], before: dict[str, State], serving: Serving) -> Outcome:
    """All rows of a key in one go.

    Raises:
        InvalidInput: a row cannot be read.
    """
    rows: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for message in messages:
        for key, row in message:
            rows[key].append(row)
    answers: dict[str, Iterator[Judged]] = {}
    states = {}
    for key, of_key in rows.items():
        judged, states[key] = serving.judge.judge(before[key], of_key)
        answers[key] = iter(judged)
    return Outcome([[(key, next(answers[key])) for key, _ in message] for message in messages], states)


def _apart(messages: list[Keyed], before: dict[str, State], serving: Serving) -> Outcome:
    """One message after the other; those that cannot be read are left out."""
    outcome = Outcome()
    for message in messages:
        states: dict[str, State] = {}
        rows: Rows = []
        try:
            for run in _runs(message):
                key = run[0][1]
                state = states.get(key) or outcome.states.get(key) or before[key]
                judged, states[key] = serving.judge.judge(state, [row for _, _, row in run], first=run[0][0])
                rows += [(key, item) for item in judged]
        except InvalidInput as error:
            outcome.judged.append(error.detail)
            continue
        outcome.judged.append(rows)
        outcome.states |= states
    return outcome


def _runs(message: Keyed) -> Iterator[list[tuple[int, str, Mapping[str, Any]]]]:
    """Rows of one key that follow each other, with their number in the message."""
    numbered = [(number, key, row) for number, (key, row) in enumerate(message, 1)]
    for _, run in groupby(numbered, lambda item: item[1]):
        yield list(run)
