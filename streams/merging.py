"""States on their way from batches to where they are kept by key."""

from __future__ import annotations

import time
from itertools import islice

from storage.store import Store
from storage.streams import Stream

# A batch holds the states of its own keys. Those of many batches come together, so that a key is written once.
_GATHERED_SECONDS = 5.0
# No row waits for the writing of more keys than these.
_AT_ONCE = 100


class Merging:
    """Keeps states by key, some at a time; to be used by one thread.

    Whatever is not kept yet is in batches, and whoever follows the stream next takes it from there.
    """

    def __init__(self, store: Store, stream: Stream):
        self._store = store
        self._stream = stream
        self._gathered: dict[str, bytes] = {}
        self._leaving: dict[str, bytes] = {}
        self._number = 0
        self._due_at = 0.0
        self.through = self._take_over()

    def add(self, states: dict[str, bytes]) -> None:
        """States of a batch that was written down."""
        self._gathered |= states

    def find(self, key: str) -> bytes | None:
        """The state of a key, if it is not kept yet."""
        return self._gathered.get(key) or self._leaving.get(key)

    def step(self, number: int) -> None:
        """Keep some, when it is time.

        Args:
            number: of the last batch that was written down.
        """
        if not self._leaving and self._gathered and time.monotonic() >= self._due_at:
            self._leaving, self._gathered, self._number = self._gathered, {}, number
            self._due_at = time.monotonic() + _GATHERED_SECONDS
        if self._leaving:
            self._keep_some()

    def finish(self, number: int) -> None:
        """Keep all."""
        self._leaving, self._gathered, self._number = {**self._leaving, **self._gathered}, {}, number
        while self._leaving:
            self._keep_some()

    def _keep_some(self) -> None:
        some = dict(islice(self._leaving.items(), _AT_ONCE))
        self._save(some, self._number)
        for key in some:
            del self._leaving[key]
        if not self._leaving:
            self._advance(self._number)

    def _take_over(self) -> int:
        """States of batches whose worker was ended before it kept them; gives the number of the last one."""
        merged = self._store.streams.get(self._stream.project_id).merged
        while batches := self._store.stream_batches.after(self._stream.id, merged):
            merged = batches[-1].number
            if states := {key: state for batch in batches for key, state in batch.states.items()}:
                self._save(states, merged)
            self._advance(merged)
        return merged

    def _advance(self, number: int) -> None:
        self._store.streams.advance(self._stream.id, merged=number)
        self.through = number

    def _save(self, states: dict[str, bytes], number: int) -> None:
        self._store.stream_states.save(self._stream.id, self._stream.project_id, states, number)
