"""`/api/v1/projects/<project>/stream`: rows judged as they come."""

from __future__ import annotations

import json
import uuid
from typing import Any

from api.operation import Page, operation
from api.pagination import page, position
from api.v1.located import ProjectResource
from api.v1.schemas import PageQuery
from api.v1.stream_schemas import (
    DeadLetterShown,
    Resent,
    ResultShown,
    ResultsQuery,
    RowsSent,
    RowsTaken,
    StreamChange,
    StreamShown,
)
from datasets.registry import SERIES
from storage.database import object_id
from storage.order import NEWEST_FIRST, Order, Place
from storage.stream_batches import Counts
from storage.stream_letters import Letter
from storage.streams import Stream, StreamWish
from streams.messages import SHOWN_CHARACTERS
from streams.reading import results
from utils import Conflict, InvalidInput, Unavailable

_ALL = 2**53
_BY_POSITION = Order("position")


class StreamResource(ProjectResource):
    """The base of what is about a project's stream."""

    KIND = SERIES

    @property
    def stream(self) -> Stream:
        """The stream as it is now.

        Raises:
            NotFound: there is none.
        """
        return self.services.store.streams.get(self.project.id)

    def shown(self, stream: Stream) -> dict[str, Any]:
        """A stream with what it has done, and what waits."""
        last = self.services.store.stream_batches.last(stream.id)
        counts = last.counts if last else Counts()
        try:
            lag = self.services.sender.waiting(stream)
        except Unavailable:
            lag = None
        return {
            **{name: getattr(stream, name) for name in _SHOWN},
            "collect_left": None if stream.collect_until >= _ALL else max(0, stream.collect_until - counts.collected),
            "refused_rows": stream.refused,
            "followed": stream.held_by is not None,
            "counts": vars(counts),
            "lag": lag,
            **{name: _iso(getattr(stream, name)) for name in ("error_at", "created_at", "updated_at")},
            "last_at": _iso(last.at) if last else None,
        }


_SHOWN = ("enabled", "queue", "results_queue", "dead_queue", "key", "id_field", "error")


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment else None


class StreamItem(StreamResource):
    """The stream of a project."""

    @operation(gives=StreamShown, errors=(409,))
    def get(self) -> dict[str, Any]:
        """Its queues, what it has judged, how much waits, and what is in the way."""
        return self.shown(self.stream)

    @operation(takes=StreamChange, gives=StreamShown, errors=(409,))
    def put(self, change: StreamChange) -> dict[str, Any]:
        """Make the stream, or change it; what waits in a queue that it had before stays there."""
        store = self.services.store
        there = store.streams.of(self.project.id)
        last = store.stream_batches.last(there.id) if there else None
        if change.collect is True:
            until = _ALL
        else:
            until = (last.counts.collected if last else 0) + int(change.collect) if change.collect else 0
        wish = StreamWish(**change.model_dump(exclude={"api_token", "collect"}))
        stream, _ = store.streams.put(self.project.id, wish, until)
        self.services.sender.declare(stream)
        return self.shown(stream)

    @operation(status=204, errors=(409,))
    def delete(self) -> None:
        """Delete it with its queues, all that waits in them, and all results."""
        self.services.store.streams.get(self.project.id)
        self.services.store.delete_stream(self.project.id)


class StreamRows(StreamResource):
    """Rows that are to be judged."""

    @operation(takes=RowsSent, gives=RowsTaken, status=202, errors=(409, 429))
    def post(self, sent: RowsSent) -> dict[str, Any]:
        """Put rows into the queue of the stream, as one message."""
        stream = self.stream
        if not stream.enabled:
            raise Conflict("the stream is switched off: set `enabled` with PUT first")
        message_id = sent.message_id or self.request_key or uuid.uuid4().hex
        try:
            content = json.dumps(sent.rows, allow_nan=False)
        except ValueError:
            raise InvalidInput("rows: NaN and Infinity are no JSON; send null for a value that is missing") from None
        self.services.sender.send(stream, content, message_id)
        return {"message_id": message_id, "rows": len(sent.rows)}


class StreamResults(StreamResource):
    """What was judged."""

    @operation(takes=ResultsQuery, gives=Page[ResultShown], errors=(409,))
    def get(self, query: ResultsQuery) -> dict[str, Any]:
        """Results in the order in which they were judged; the last 100,000 rows are kept."""
        stream, place = self.stream, position(query.cursor, _BY_POSITION)
        if place and (place.id != stream.id or not isinstance(place.value, int) or place.value < 0):
            raise InvalidInput("cursor: of another stream than the project has now: begin anew, without a cursor")
        after = max(query.after, int(place.value) if place else 0)
        found = results(self.services.store, stream, after, query.limit + 1)
        return page(
            found,
            query.limit,
            show=lambda item: ResultShown(**item).model_dump(mode="json"),
            place=lambda item: Place(item["position"], stream.id),
            order=_BY_POSITION,
        )


class DeadLetterList(StreamResource):
    """Messages that could not be judged."""

    @operation(takes=PageQuery, gives=Page[DeadLetterShown], errors=(409,))
    def get(self, query: PageQuery) -> dict[str, Any]:
        """List them with the reasons, the newest first."""
        after = position(query.cursor)
        found = self.services.store.stream_letters.list_of(self.project.id, query.limit + 1, after)
        return page(
            list(found), query.limit, show=_letter, place=lambda letter: Place(letter.created_at, letter.id),
            order=NEWEST_FIRST,
        )  # fmt: skip


class DeadLetterResource(StreamResource):
    """The base of what is about one dead letter."""

    def letter(self, letter_id: str) -> Letter:
        """The letter of this id.

        Raises:
            NotFound: there is none.
        """
        return self.services.store.stream_letters.get(self.project.id, object_id(letter_id, "dead letter"))


class DeadLetterItem(DeadLetterResource):
    """One message that could not be judged."""

    @operation(gives=DeadLetterShown, errors=(409,))
    def get(self, letter_id: str) -> dict[str, Any]:
        """With the reason."""
        return _letter(self.letter(letter_id))

    @operation(status=204, errors=(409,))
    def delete(self, letter_id: str) -> None:
        """Delete it; a copy may lie in the broker's queue of dead letters."""
        self.services.store.stream_letters.delete(self.letter(letter_id))


class DeadLetterResend(DeadLetterResource):
    """A message that is to be tried again."""

    @operation(gives=Resent, status=202, errors=(409, 429))
    def post(self, letter_id: str) -> dict[str, Any]:
        """Send it again as it is, under another id, such as after the model or the key has changed."""
        letter = self.letter(letter_id)
        if len(letter.body) >= SHOWN_CHARACTERS:
            raise Conflict("only the first part of so long a message is kept: send it again from where it came")
        message_id = f"again-{letter.id}"
        self.services.sender.send(self.stream, letter.body, message_id)
        self.services.store.stream_letters.delete(letter)
        return {"message_id": message_id}


def _letter(letter: Letter) -> dict[str, Any]:
    return {
        "id": str(letter.id),
        "message_id": letter.message_id,
        "reason": letter.reason,
        "body": letter.body,
        "created_at": letter.created_at.isoformat(),
    }
