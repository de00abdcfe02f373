"""All lists have one shape: `{"items": [...], "next": cursor}`; `next` is null on the last page."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from storage.database import object_id
from utils import InvalidInput, NotFound

T = TypeVar("T")


def page(
    rows: list[T], limit: int, show: Callable[[T], dict[str, Any]], key: Callable[[T], tuple[datetime, object]]
) -> dict[str, Any]:
    """One page.

    Args:
        rows: in order, and one more than `limit` when there are more; what is too much only tells that.
        key: moment and id by which the list is sorted; the next page goes on behind those of the last row shown.
    """
    shown = rows[:limit]
    return {"items": [show(row) for row in shown], "next": _cursor(*key(shown[-1])) if len(rows) > limit else None}


def whole(items: list[dict[str, Any]]) -> dict[str, Any]:
    """A list that is short enough for one page."""
    return {"items": items, "next": None}


def position(cursor: str | None) -> tuple[datetime, Any] | None:
    """Where a page begins: behind this moment and id; None at the start.

    Raises:
        InvalidInput: the cursor is none that a page gave.
    """
    if cursor is None:
        return None
    try:
        moment, id_text = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return datetime.fromisoformat(moment), object_id(id_text, "id")
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError, NotFound):
        message = "cursor: not one of ours: send `next` of the page before, or no cursor for the first page"
        raise InvalidInput(message, [{"field": "cursor", "message": message}]) from None


def _cursor(moment: datetime, id: object) -> str:
    return base64.urlsafe_b64encode(json.dumps([moment.isoformat(), str(id)]).encode()).decode()
