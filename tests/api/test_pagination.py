"""Cursors: what a page gives and no other text, and none that reaches the database as a query."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from typing import Any

import pytest

from api.pagination import page, position
from storage.database import object_id
from storage.order import NEWEST_FIRST, Order, Place
from tests.api.problems import SOME_ID
from utils import InvalidInput

ID = object_id(SOME_ID, "id")


def _written(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(parts)).encode()).decode()


@pytest.mark.parametrize("value", [datetime(2026, 5, 4, 3, 2, 1, 5000, timezone.utc), "кошка", "", 0, -7, 0.25, None])
def test_a_cursor_brings_back_the_place_it_was_made_of(value: object):
    order, place = Order("field"), Place(value, ID)
    answer = page([1, 2], 1, show=str, place=lambda _: place, order=order)
    assert answer["items"] == ["1"]
    assert position(answer["next"], order) == place


def test_the_last_page_has_no_cursor():
    assert page([1, 2], 2, show=str, place=lambda _: Place(1, ID)) == {"items": ["1", "2"], "next": None}
    assert position(None) is None


@pytest.mark.parametrize(
    "value",
    [
        {"$ne": None}, {"$gt": ""}, {}, {"at": "2026-01-01", "and": 1}, {"at": 5}, ["a"], "\ud800", 2**63, -(2**63),
        10**400, float("nan"), float("inf"),
    ],
)  # fmt: skip
def test_what_is_no_value_of_ours_is_400(value: object):
    with pytest.raises(InvalidInput, match="not one of ours"):
        position(_written("-created_at", value, SOME_ID), NEWEST_FIRST)


@pytest.mark.parametrize("parts", [(), ("-created_at", 1), ("-created_at", 1, "x"), ("-created_at", 1, 5)])
def test_what_is_not_built_like_ours_is_400(parts: tuple[object, ...]):
    with pytest.raises(InvalidInput, match="not one of ours"):
        position(_written(*parts), NEWEST_FIRST)


def test_an_order_is_compared_as_a_text():
    with pytest.raises(InvalidInput, match="of another order"):
        position(_written(["-created_at"], 1, SOME_ID), NEWEST_FIRST)
