"""Lists read page by page, in any order: each row once, whatever comes and goes meanwhile."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from api.pagination import page, position
from storage.database import Document, MongoCollection
from storage.order import Order, Place, ordered
from storage.store import Store
from utils import InvalidInput

SIZES = [3, 1, 2, 2, 2, None, 5, None]


@pytest.fixture
def rows(store: Store) -> MongoCollection[Document]:
    """Eight rows, some of them equal, some without a size."""
    collection = store.database["rows"]
    moments = [datetime(2026, 1, 1 + number // 3, tzinfo=timezone.utc) for number in range(8)]
    collection.insert_many(
        {"name": f"ö{number}", "created_at": moment, **({} if size is None else {"size": size})}
        for number, (size, moment) in enumerate(zip(SIZES, moments, strict=True))
    )
    return collection


def _read(rows: MongoCollection[Document], order: Order, limit: int, cursor: str | None = None) -> dict[str, Any]:
    found = list(ordered(rows, {}, limit + 1, order, position(cursor, order)))
    return page(found, limit, lambda row: row["name"], lambda row: Place(row.get(order.field), row["_id"]), order)


@pytest.mark.parametrize("name", ["created_at", "-created_at", "name", "-name", "size", "-size"])
@pytest.mark.parametrize("limit", [1, 3, 8])
def test_every_row_comes_once_and_in_order(rows: MongoCollection[Document], name: str, limit: int):
    order = Order.named(name)
    answer = _read(rows, order, limit)
    found = answer["items"]
    while answer["next"]:
        answer = _read(rows, order, limit, answer["next"])
        found += answer["items"]
    direction = -1 if order.descending else 1
    assert found == [row["name"] for row in rows.find().sort([(order.field, direction), ("_id", direction)])]


def test_a_row_that_goes_or_comes_in_front_moves_no_other(rows: MongoCollection[Document]):
    order = Order("name")
    first = _read(rows, order, 3)
    rows.delete_one({"name": first["items"][-1]})
    rows.insert_one({"name": "a"})
    assert _read(rows, order, 3, first["next"])["items"] == ["ö3", "ö4", "ö5"]


def test_a_cursor_of_another_order_is_refused(rows: MongoCollection[Document]):
    cursor = _read(rows, Order("size"), 2)["next"]
    for name in ("-size", "name", "created_at"):
        with pytest.raises(InvalidInput, match="of another order than"):
            position(cursor, Order.named(name))
