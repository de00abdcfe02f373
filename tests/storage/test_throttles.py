from __future__ import annotations

import pytest

from storage.store import Store
from storage.throttles import Throttles
from tests.conftest import wait_until
from utils import TooManyRequests


def _passes(throttles: Throttles, key: str = "k", limit: int = 2) -> bool:
    try:
        throttles.charge(key, limit)
    except TooManyRequests:
        return False
    return True


def test_tries_past_the_limit_are_refused_with_the_time_left(store: Store):
    assert [_passes(store.throttles) for _ in range(4)] == [True, True, False, False]
    with pytest.raises(TooManyRequests, match="wait") as refusal:
        store.throttles.charge("k", 2)
    assert 0 < refusal.value.retry_after_seconds <= 60


def test_keys_do_not_share_a_count(store: Store):
    assert all(_passes(store.throttles, key, 1) for key in ("a", "b", "a b", ""))


def test_what_is_taken_back_may_be_tried_again_and_never_counts_below_none(store: Store):
    store.throttles.refund("never tried")
    assert _passes(store.throttles)
    for _ in range(5):
        store.throttles.refund("k")
    assert [_passes(store.throttles) for _ in range(3)] == [True, True, False]


def test_a_window_ends_and_a_new_one_begins_with_no_tries(store: Store):
    short = Throttles(store.database, window_seconds=1)
    assert [_passes(short) for _ in range(3)] == [True, True, False]
    assert wait_until(lambda: _passes(short), seconds=10)
    assert [_passes(short) for _ in range(2)] == [True, False]
