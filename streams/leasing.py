"""A transport for kombu over MongoDB on which a message stays until it is acknowledged.

Kombu's own one deletes a message when it fetches it, so a consumer that is killed loses it. This one leases: what was
fetched and not acknowledged is there again after a while, by the database server's clock. Messages lie in the same
collection and form, so programs that publish by kombu's own transport are understood.

A queue that is declared with a single active consumer, as RabbitMQ has it, belongs to the newest one: what another has
fetched it gets all the same, since that one was given up for lost. So nobody ever gets a message before an older one.

A channel can also hold back what it publishes and acknowledges, and do it together (`tx_select`, `tx_commit`), as AMQP
has it: first everything published is stored, in order, then everything acknowledged goes.
"""

from __future__ import annotations

import itertools
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from queue import Empty
from typing import Any

from bson import Timestamp
from kombu.transport import mongodb, virtual
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps, loads
from pymongo import WriteConcern
from pymongo.errors import BulkWriteError

from storage.database import Document, MongoCollection

# Who publishes it says so in a message with an id that must be stored once, also after it was consumed.
REMEMBERED = "x-remembered"
_LEASE_MS = 30_000
_AT_ONCE = 500
_OPERATION_MS = 10_000
_REMEMBERED_SECONDS = 3600
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.002, 0.05
_DUPLICATE = 11000
_FREE: Document = {"$expr": {"$lte": [{"$ifNull": ["$held_until", "$$NOW"]}, "$$NOW"]}}


class Channel(mongodb.Channel):
    """A channel of one thread; publishing without `tx_select` may be done by several."""

    supports_fanout = False
    body_encoding = "utf-8"

    def __init__(self, *args: Any, **kwargs: Any):
        self._is_transaction = False
        self._puts: list[Document] = []
        self._acks: list[Any] = []
        self._remembered: set[Any] = set()
        self._holder = uuid.uuid4().hex
        super().__init__(*args, **kwargs)

    @cached_property
    def client(self) -> Any:
        """The database; all channels of a connection have one client."""
        if self.connection.database is None:
            self.connection.database = self._create_client()
        return self.connection.database

    @property
    def unhurried(self) -> MongoCollection[Document]:
        """For writes that may be lost with the machine: then a message comes once more."""
        found: MongoCollection[Document] = self.messages.with_options(write_concern=WriteConcern(1))
        return found

    def tx_select(self) -> None:
        """From now on hold back what is published and acknowledged."""
        self._is_transaction = True

    def tx_commit(self) -> None:
        """Do all of it: when it is cut short, nothing was acknowledged that was not published."""
        puts, self._puts = self._puts, []
        self._store(puts)
        self._settle()

    def take_back(self, queue: str) -> None:
        """Let what others have fetched be there again at once; for who knows that they are gone."""
        self.unhurried.update_many({"queue": queue, "held_until": {"$exists": True}}, {"$unset": {"held_until": ""}})

    def encode_body(self, body: Any, encoding: str | None = None) -> tuple[Any, str | None]:
        """Bytes that are no text become text."""
        if isinstance(body, (bytes, memoryview)):
            return self.codecs["base64"].encode(bytes(body)), "base64"
        encoded: tuple[Any, str | None] = super().encode_body(body, encoding)
        return encoded

    def basic_ack(self, delivery_tag: Any, multiple: bool = False) -> None:
        """The message was dealt with; with `multiple` also all that were delivered before it."""
        tags = [delivery_tag]
        if multiple:
            self.qos._flush()
        # One that came twice, since its lease ran out meanwhile, was acknowledged before: nothing else with it.
        if multiple and delivery_tag in self.qos._delivered:
            tags = [*itertools.takewhile(lambda tag: tag != delivery_tag, self.qos._delivered), delivery_tag]
        self._acks += tags
        for tag in tags:
            self.qos.ack(tag)
        if not self._is_transaction:
            self._settle()

    def basic_reject(self, delivery_tag: Any, requeue: bool = False) -> None:
        """Give the message back, or drop it."""
        if requeue:
            self._free([delivery_tag])
            self.qos.ack(delivery_tag)
        else:
            self.basic_ack(delivery_tag)

    def queue_delete(self, queue: str, if_unused: bool = False, if_empty: bool = False, **kwargs: Any) -> None:
        """Delete a queue with its messages."""
        self.messages.delete_many({"queue": queue})
        self.connection.most.pop(queue, None)
        self.connection.owned.discard(queue)

    def _prepare_client_options(self, options: Document) -> Document:
        usual = {"w": "majority", "journal": True, "timeoutms": _OPERATION_MS}
        return {**usual, **super()._prepare_client_options(options)}

    def _create_broadcast(self, database: Any) -> None:
        """Nobody broadcasts here."""

    def _ensure_indexes(self, database: Any) -> None:
        messages = database[self.messages_collection]
        messages.create_index([("queue", 1), ("gone_at", 1), ("order", 1), ("_id", 1)])
        only = {"message_id": {"$exists": True}}
        messages.create_index([("queue", 1), ("message_id", 1)], unique=True, partialFilterExpression=only)
        messages.create_index("gone_at", expireAfterSeconds=_REMEMBERED_SECONDS)

    def _new_queue(self, queue: str, **kwargs: Any) -> None:
        most = (kwargs.get("arguments") or {}).get("x-max-length")
        if most:
            self.connection.most[queue] = most
        if (kwargs.get("arguments") or {}).get("x-single-active-consumer"):
            self.connection.owned.add(queue)

    def _size(self, queue: str) -> int:
        return int(self.messages.count_documents({"queue": queue, "gone_at": None}))

    def _put(self, queue: str, message: Document, **kwargs: Any) -> None:
        row: Document = {
            "payload": dumps(message),
            "queue": queue,
            "priority": self._get_message_priority(message, reverse=True),
            # The server writes its time here, with a number that tells apart what comes in the same second.
            "order": Timestamp(0, 0),
        }
        message_id = message["properties"].get("message_id")
        if message_id and (message.get("headers") or {}).get(REMEMBERED):
            row["message_id"] = str(message_id)
        if self._is_transaction:
            self._puts.append(row)
        else:
            self._store([row])

    def _store(self, rows: list[Document]) -> None:
        """Store messages in their order; each has its `_id` by then, so what was stored already is no new one."""
        for ordered in (True, False):
            try:
                if rows:
                    self.messages.insert_many(rows, ordered=ordered)
                break
            except BulkWriteError as error:
                # It was stored before, by somebody who was killed after that. The others follow, still in their order.
                if any(item["code"] != _DUPLICATE for item in error.details["writeErrors"]):
                    raise
        for queue, count in Counter(row["queue"] for row in rows).items():
            self._trim(queue, count)

    def _trim(self, queue: str, added: int) -> None:
        """Drop the oldest messages of a queue that has a bound; it may be a tenth longer meanwhile."""
        most, trimmed = self.connection.most.get(queue), self.connection.since_trimmed
        since = trimmed.get(queue, 0) + added
        if most is None or since * 10 < most:
            trimmed[queue] = since
            return
        trimmed[queue] = 0
        newest = self.messages.find({"queue": queue, "gone_at": None}, {"order": 1}).sort([("order", -1), ("_id", -1)])
        for row in newest.skip(most).limit(1):
            self.unhurried.delete_many({"queue": queue, "order": {"$lte": row["order"]}})

    def _settle(self) -> None:
        acks, self._acks = self._acks, []
        kept = [tag for tag in acks if tag in self._remembered]
        if kept:
            change: list[Document] = [{"$set": {"gone_at": "$$NOW"}}, {"$unset": ["payload", "held_until"]}]
            self.unhurried.update_many({"_id": {"$in": kept}}, change)
            self._remembered.difference_update(kept)
            acks = [tag for tag in acks if tag not in set(kept)]
        if acks:
            self.unhurried.delete_many({"_id": {"$in": acks}})

    def _free(self, tags: list[Any]) -> None:
        # Held by nobody, and one that was held once, which makes it redelivered.
        self.unhurried.update_many({"_id": {"$in": tags}}, {"$set": {"holder": ""}, "$unset": {"held_until": ""}})

    def _restore(self, message: Any) -> None:
        self._free([message.delivery_tag])

    def _get(self, queue: str, timeout: float | None = None) -> Document:
        found = self._lease(queue, 1)
        if not found:
            raise Empty
        return found[0]

    def _get_many(self, queues: Sequence[str], timeout: float | None = None) -> None:
        most = self.qos.can_consume_max_estimate() or _AT_ONCE
        found = [(message, queue) for queue in queues for message in self._lease(queue, min(most, _AT_ONCE))]
        if not found:
            raise Empty
        for message, queue in found:
            self.connection._deliver(message, queue)

    def _lease(self, queue: str, most: int) -> list[Document]:
        """Messages that nobody else gets while the lease lasts; of a queue that is owned, all that is not held here."""
        free: Document = {"holder": {"$ne": self._holder}} if queue in self.connection.owned else _FREE
        query = {"queue": queue, "gone_at": None, **free}
        rows = list(self.messages.find(query).sort([("order", 1), ("_id", 1)]).limit(most))
        if not rows:
            return []
        ids = [row["_id"] for row in rows]
        change = {"holder": self._holder, "held_until": {"$add": ["$$NOW", _LEASE_MS]}}
        taken = self.unhurried.update_many({"_id": {"$in": ids}, **free}, [{"$set": change}])
        if taken.modified_count < len(rows):  # somebody else was there at the same time
            ours = {row["_id"] for row in self.messages.find({"_id": {"$in": ids}, "holder": self._holder}, {"_id": 1})}
            rows = [row for row in rows if row["_id"] in ours]
        return [self._delivered(row) for row in rows]

    def _delivered(self, row: Document) -> Document:
        message: Document = loads(bytes_to_str(row["payload"]))
        properties = message["properties"]
        properties["delivery_tag"] = row["_id"]
        # What has no id is known again by that of its document.
        properties.setdefault("message_id", f"queued-{row['_id']}")
        properties.setdefault("delivery_info", {})["redelivered"] = "holder" in row
        if (message.get("headers") or {}).get(REMEMBERED):
            self._remembered.add(row["_id"])
        return message


class Transport(mongodb.Transport):
    """Looks often while messages come, and less and less often while none do.

    Attributes:
        database: of all its channels; None before the first needs it.
        most: messages that a queue may hold, by the queue; `since_trimmed` counts what was added since it was seen to.
        owned: queues with a single active consumer.
    """

    Channel = Channel
    implements = virtual.Transport.implements

    def __init__(self, client: Any, **kwargs: Any):
        super().__init__(client, **kwargs)
        self._pause_seconds = _SHORTEST_SECONDS
        self._round: Any = self.cycle
        self.database: Any = None
        self.most: dict[str, int] = {}
        self.owned: set[str] = set()
        self.since_trimmed: dict[str, int] = {}

    def close_connection(self, connection: Any) -> None:
        """Give back what was not acknowledged, and close."""
        super().close_connection(connection)
        if self.database is not None:
            self.database.client.close()
            self.database = None

    def drain_events(self, connection: Any, timeout: float | None = None, **kwargs: Any) -> None:
        """Deliver what there is.

        Raises:
            TimeoutError: nothing came.
        """
        ends = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                self._round.get(self._deliver, timeout=timeout)
                self._pause_seconds = _SHORTEST_SECONDS
                return
            except Empty:
                left = self._pause_seconds if ends is None else ends - time.monotonic()
                if left <= 0:
                    raise TimeoutError from None
                time.sleep(min(self._pause_seconds, left))  # MongoDB tells nobody that something came
                self._pause_seconds = min(_LONGEST_SECONDS, 1.5 * self._pause_seconds)
