"""What a message is: its id, and the rows in it; or why it is none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage.stream_batches import ID_BYTES
from utils import InvalidInput

MOST_BYTES = 1024 * 1024
MOST_ROWS = 1_000
MOST_ID_CHARACTERS = 200
MOST_KEY_CHARACTERS = 200
SHOWN_CHARACTERS = 100_000
_MOST_SHOWN = 60


@dataclass(frozen=True)
class Message:
    """A message as it came.

    Attributes:
        id: of the sender; None when it gave none.
        known_as: 8 bytes of the id, or of the content when there is none.
        rows: empty when it could not be read; `reason` says why.
        body: as text, for whoever looks at what could not be judged.
        redelivered: whether it may have been fetched before.
    """

    id: str | None
    known_as: bytes
    rows: tuple[Mapping[str, Any], ...]
    body: str
    reason: str | None = None
    redelivered: bool = False


def read(message: Any, id_field: str | None) -> Message:
    """What a message of the broker says; never raises on account of what is in it.

    Args:
        message: of kombu.
        id_field: field of a row with the id, where the message has none.
    """
    text, reason = _text(message.body)
    rows: tuple[Mapping[str, Any], ...] = ()
    sent_id = message.properties.get("message_id")
    message_id: str | None = None if sent_id in (None, "") else str(sent_id)
    try:
        if reason:
            raise InvalidInput(reason)
        rows = rows_of(parsed(text))
        if id_field and (message_id is None or message_id.startswith("queued-")):
            message_id = _id_in(rows, id_field) or message_id
    except InvalidInput as error:
        rows, reason = (), error.detail
    if message_id is not None and len(message_id) > MOST_ID_CHARACTERS:
        rows, reason = (), f"an id of {len(message_id):,} characters, at most {MOST_ID_CHARACTERS} are allowed"
    known_as = hashed("id", message_id) if message_id is not None else hashed("body", text)
    redelivered = bool((message.delivery_info or {}).get("redelivered"))
    return Message(message_id, known_as, rows, text[:SHOWN_CHARACTERS], reason, redelivered)


def hashed(kind: str, text: str) -> bytes:
    """Eight bytes that stand for a text; of a kind, so that an id is never taken for a content."""
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=ID_BYTES, person=kind.encode()).digest()


def parsed(text: str) -> Any:
    """JSON as its standard has it.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"no JSON: {str(error)[:200]}; send an object, or a list of objects") from None


def rows_of(content: Any) -> tuple[Mapping[str, Any], ...]:
    """The rows of a message: an object, or a list of objects.

    Raises:
        InvalidInput: it holds none, or too many, or something else.
    """
    rows = content if isinstance(content, list) else [content]
    if not rows:
        raise InvalidInput("a list without rows: send an object, or a list of objects")
    if len(rows) > MOST_ROWS:
        raise InvalidInput(f"{len(rows):,} rows in a message, at most {MOST_ROWS:,} are allowed: send several messages")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise InvalidInput(f"row {number}: {type(row).__name__}, wanted an object with a value a sensor")
    return tuple(rows)


def key_of(row: Mapping[str, Any], column: str | None) -> str:
    """Which sensor a row is of.

    Raises:
        InvalidInput: it does not say.
    """
    if column is None:
        return ""
    value = row.get(column)
    if value is None:
        raise InvalidInput(f"{column}: missing, and it tells which sensor the row is of")
    if isinstance(value, (dict, list)):
        got = "an object" if isinstance(value, dict) else "a list"
        raise InvalidInput(
            f"{column}: must be text or a number, since it tells which sensor the row is of; got {got}: "
            f"{json.dumps(value, ensure_ascii=False)[:_MOST_SHOWN]}"
        )
    key = str(value)
    if len(key) > MOST_KEY_CHARACTERS:
        raise InvalidInput(f"{column}: {len(key):,} characters, at most {MOST_KEY_CHARACTERS} are allowed")
    return key


def _id_in(rows: tuple[Mapping[str, Any], ...], field: str) -> str | None:
    value = rows[0].get(field)
    if isinstance(value, (dict, list)):
        raise InvalidInput(f"{field}: {type(value).__name__}, wanted a text or a number that no other message has")
    return None if value is None else str(value)


def _text(body: Any) -> tuple[str, str | None]:
    raw = body.encode() if isinstance(body, str) else bytes(body or b"")
    text = raw[:MOST_BYTES].decode(errors="replace")
    if len(raw) > MOST_BYTES:
        return text, f"{len(raw):,} bytes, at most {MOST_BYTES:,} are allowed: send fewer rows at a time"
    return text, None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number; send null for a value that is missing")
