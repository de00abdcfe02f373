"""Where a stream stands: which messages are known, and which of them still wait for their answer to be published."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

from storage.store import Store
from storage.stream_batches import ID_BYTES, KEPT_ROWS, Batch, Counts
from storage.streams import Stream
from streams.messages import Message


class Line:
    """The line of batches of one stream.

    A batch is written down first and published after that, together with a mark that says how far things are published.
    So whoever follows the stream next knows which answers are still to be published: those of batches behind the
    mark, and those that the mark itself names. Their messages come again, since they were not acknowledged.

    Args:
        mark: as it was published last.
    """

    def __init__(self, store: Store, stream: Stream, mark: dict[str, Any] | None):
        self.last = store.stream_batches.last(stream.id)
        self.number = self.last.number if self.last else 0
        self.counts = self.last.counts if self.last else Counts()
        self.duplicates = 0
        self._stream = stream
        self._known: dict[bytes, int] = {}
        self._lengths: deque[tuple[int, int]] = deque()
        for number, rows, ids in store.stream_batches.known(stream.id):
            self._remember(number, rows, split(ids))
        self._pending: dict[bytes, deque[tuple[int, int, str]]] = defaultdict(deque)
        self._only_redelivered = mark is None or mark.get("stream") != str(stream.id)
        self._await(store, {} if self._only_redelivered or mark is None else mark)

    def _await(self, store: Store, mark: dict[str, Any]) -> None:
        """Find the answers that were not published; without a mark they can only be those of the last batch."""
        done = int(mark.get("number", max(0, self.number - 1)))
        named = {int(number): set(places) for number, places in mark.get("open", {}).items()}
        numbers = [*named, *range(done + 1, self.number + 1)]
        for batch in store.stream_batches.get(self._stream.id, numbers):
            for place, known_as in enumerate(split(batch.ids)):
                if batch.number > done or place in named[batch.number]:
                    self._pending[known_as].append((batch.number, place, batch.answers[place]))

    def _remember(self, number: int, rows: int, ids: Iterable[bytes]) -> None:
        for known_as in ids:
            self._known[known_as] = number
        self._lengths.append((number, rows))

    def unpublished(self, message: Message) -> str | None:
        """The answer that this message waits for, since whoever wrote it down was ended before it was published."""
        waiting = self._pending.get(message.known_as)
        if not waiting or (self._only_redelivered and not message.redelivered):
            return None
        _, _, answer = waiting.popleft()
        if not waiting:
            del self._pending[message.known_as]
        return answer

    def knows(self, message: Message) -> bool:
        """Whether a message of this id was answered before; one without an id is new whatever it holds."""
        return message.id is not None and message.known_as in self._known

    def following(self, messages: list[Message], answers: list[str], **more: Any) -> Batch:
        """The next batch.

        Args:
            more: `states`, `collect` and what is to be added to the counts.
        """
        states, collect = more.pop("states"), tuple(more.pop("collect"))
        counts = self.counts.plus(messages=len(messages), duplicates=self.duplicates, collected=len(collect), **more)
        ids = b"".join(message.known_as for message in messages)
        return Batch(
            self._stream.id, self._stream.project_id, self.number + 1, ids, tuple(answers), states, counts, collect
        )

    def accept(self, batch: Batch) -> None:
        """The batch is written down."""
        self.last, self.number, self.counts, self.duplicates = batch, batch.number, batch.counts, 0
        self._remember(batch.number, batch.counts.rows, split(batch.ids))

    def count_duplicates(self) -> Counts:
        """Count the duplicates that came without anything new; gives what the counts of the last batch are then."""
        self.counts, self.duplicates = self.counts.plus(duplicates=self.duplicates), 0
        return self.counts

    def mark(self) -> dict[str, Any]:
        """What is to be published with the answers."""
        places: dict[str, list[int]] = defaultdict(list)
        for waiting in self._pending.values():
            for number, place, _ in waiting:
                places[str(number)].append(place)
        return {"stream": str(self._stream.id), "number": self.number, "open": places}

    def forget(self, through: int) -> int:
        """Forget batches that are too old; gives the first number to keep.

        Args:
            through: later ones stay, whatever their age.
        """
        while len(self._lengths) > 1 and self._is_old(through):
            self._lengths.popleft()
        first = self._lengths[0][0] if self._lengths else 0
        for known_as in [known_as for known_as, number in self._known.items() if number < first]:
            del self._known[known_as]
        return first

    def _is_old(self, through: int) -> bool:
        number, rows = self._lengths[0]
        return self.counts.rows - rows > KEPT_ROWS and number <= through


def split(ids: bytes) -> list[bytes]:
    """Ids of a batch, one by one."""
    return [ids[start : start + ID_BYTES] for start in range(0, len(ids), ID_BYTES)]
