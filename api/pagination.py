"""All lists have one shape: `{"items": [...], "next": cursor}`; `next` is null on the last page.

A cursor is the place of the last row shown, with the order in which the list was: rows that come and go meanwhile
neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Protocol, TypeVar

from storage.database import object_id
from storage.order import NEWEST_FIRST, Order, Place
from utils import InvalidInput, NotFound

T = TypeVar("T")
_MOMENT = "at"
_LARGEST_INTEGER = 2**63


class Wanted(Protocol):
    """Which page of a list."""

    limit: int
    cursor: str | None


def page(
    rows: list[T],
    limit: int,
    show: Callable[[T], Any],
    place: Callable[[T], Place],
    order: Order = NEWEST_FIRST,
) -> dict[str, Any]:
    """One page.

    Args:
        rows: in order, and one more than `limit` when there are more; what is too much only tells that.
        show: what a row looks like.
        place: where a row stands in the order; the next page goes on behind the last row shown.
    """
    shown = rows[:limit]
    following = _cursor(order, place(shown[-1])) if len(rows) > limit else None
    return {"items": [show(row) for row in shown], "next": following}


def whole(items: list[Any]) -> dict[str, Any]:
    """A list that is short enough for one page."""
    return {"items": items, "next": None}


def part(
    rows: Iterable[T], query: Wanted, show: Callable[[T], Any], place: Callable[[T], tuple[Any, Any]], order: Order
) -> dict[str, Any]:
    """One page of a list that is in memory, in any order.

    Args:
        place: where a row stands: what the order goes by, never None, and an id of `plain_id`.
    """
    after = position(query.cursor, order)
    placed = sorted(((place(row), row) for row in rows), key=lambda item: item[0], reverse=order.descending)
    if after:
        behind = (after.value, after.id)
        try:
            placed = [item for item in placed if (item[0] < behind if order.descending else item[0] > behind)]
        except TypeError:
            raise _refused("not one of ours: it holds a place of another kind") from None
    return page([row for _, row in placed[: query.limit + 1]], query.limit, show, lambda row: Place(*place(row)), order)


def plain_id(text: str) -> Any:
    """An id of the first 24 hexadecimal digits."""
    return object_id(text[:24], "id")


def position(cursor: str | None, order: Order = NEWEST_FIRST) -> Place | None:
    """The place behind which a page begins; None at the start.

    Raises:
        InvalidInput: the cursor is none that a page of a list in this order gave.
    """
    if cursor is None:
        return None
    try:
        name, value, id_text = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        place = Place(_value(value), object_id(id_text, "id"))
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError, NotFound):
        raise _refused("not one of ours: send `next` of the page before, or no cursor for the first page") from None
    if name != order.name:
        raise _refused(f"of another order than '{order.name}': leave it out to start anew, or sort as before")
    return place


def _refused(why: str) -> InvalidInput:
    message = f"cursor: {why}"
    return InvalidInput(message, [{"field": "cursor", "message": message}])


def _cursor(order: Order, place: Place) -> str:
    value = {_MOMENT: place.value.isoformat()} if isinstance(place.value, datetime) else place.value
    return base64.urlsafe_b64encode(json.dumps([order.name, value, str(place.id)]).encode()).decode()


def _value(written: Any) -> Any:
    """What a list may be sorted by: a moment, a text, a number, or nothing.

    Raises:
        ValueError: it is something else, or something that the database cannot hold.
        TypeError: likewise.
    """
    if isinstance(written, dict):
        (moment,) = written.values()
        return datetime.fromisoformat(moment)
    if isinstance(written, str):
        written.encode()
    elif isinstance(written, (int, float)):
        if not (math.isfinite(written) and abs(written) < _LARGEST_INTEGER):
            raise ValueError(written)
    elif written is not None:
        raise TypeError(written)
    return written
