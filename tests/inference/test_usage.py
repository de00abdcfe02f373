"""What is recorded of calls arrives in the database, whole, whatever happens to the database meanwhile."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import pytest
from bson import ObjectId

import inference.usage
from inference.usage import UsageRecorder
from settings import Settings
from storage.latencies import RELATIVE_ERROR
from storage.store import Store
from storage.usage import KEPT_DAYS, Calls
from tests.conftest import Mongod, wait_until
from utils import utc_now

PROJECT, MODEL = ObjectId(), ObjectId()


def today(store: Store, model_id: ObjectId = MODEL) -> Calls:
    return next(iter(store.usage.by_day(model_id, 1).values()), Calls())


def test_calls_of_many_threads_and_processes_add_up_and_their_percentiles_are_right(store: Store):
    recorders = [UsageRecorder(store.usage, flush_seconds=0.05) for _ in range(2)]
    durations = np.random.default_rng(0).lognormal(np.log(0.02), 0.6, 8000)

    def call(part: np.ndarray) -> None:
        for number, seconds in enumerate(part):
            recorders[number % 2].record(PROJECT, MODEL, seconds)
            if number % 100 == 0:
                recorders[number % 2].record(PROJECT, MODEL, 60, "unavailable")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, np.split(durations, 8)))
    for recorder in recorders:
        recorder.close()
    calls = today(store)
    assert (calls.count, dict(calls.errors)) == (8080, {"unavailable": 80})
    for percent in (50, 95):
        exact = np.percentile(durations, percent, method="inverted_cdf")
        assert calls.percentile_seconds(percent / 100) == pytest.approx(exact, rel=RELATIVE_ERROR + 1e-6)
    assert store.database["usage"].count_documents({}) == 1


def test_what_was_recorded_arrives_by_itself(store: Store):
    recorder = UsageRecorder(store.usage, flush_seconds=0.05)
    recorder.record(PROJECT, MODEL, 0.1)
    wait_until(lambda: today(store).count == 1)
    recorder.record(PROJECT, MODEL, 0.1)
    wait_until(lambda: today(store).count == 2)
    recorder.close()
    assert recorder._writer
    assert not recorder._writer.is_alive()


def test_while_the_database_is_away_nobody_waits_and_nothing_is_lost(mortal_mongod: Mongod):
    store = Store(Settings(mongo_uri=mortal_mongod.uri))
    recorder = UsageRecorder(store.usage, flush_seconds=0.05)
    recorder.record(PROJECT, MODEL, 0.1)
    wait_until(lambda: today(store).count == 1)
    # The journal is written ten times a second; what the database was told a moment ago it may forget when killed.
    store.database.client.admin.command("fsync")
    mortal_mongod.kill()
    began = time.monotonic()
    for _ in range(1000):
        recorder.record(PROJECT, MODEL, 0.1)
    assert time.monotonic() - began < 10
    wait_until(lambda: recorder._waiting, 30)  # it has tried, and put them back
    mortal_mongod.start()
    wait_until(lambda: today(store).count == 1001, 30)
    recorder.close()
    store.close()


def test_what_waits_is_bounded_and_what_is_not_counted_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(inference.usage, "MOST_WAITING", 3)
    recorder = UsageRecorder(store.usage, flush_seconds=60)
    models = [ObjectId() for _ in range(5)]
    for model_id in models * 2:
        recorder.record(PROJECT, model_id, 0.1)
    with caplog.at_level(logging.WARNING):
        recorder.close()
    assert [today(store, model_id).count for model_id in models] == [2, 2, 2, 0, 0]
    assert "4 calls of models not counted" in caplog.text


def test_days_are_kept_apart_and_go_with_their_model_or_project(store: Store):
    now = utc_now().date()
    for age in (0, 1, 5):
        store.usage.add(PROJECT, MODEL, now - timedelta(days=age), Calls(age + 1))
    other_project, other = ObjectId(), ObjectId()
    store.usage.add(other_project, other, now, Calls(7))
    assert {(now - day).days: calls.count for day, calls in store.usage.by_day(MODEL, 5).items()} == {0: 1, 1: 2}
    assert list(store.usage.by_day(MODEL, KEPT_DAYS)) == [now, now - timedelta(days=1), now - timedelta(days=5)]
    store.usage.delete_models({MODEL})
    assert (today(store).count, today(store, other).count) == (0, 7)
    store.delete_contents(other_project)
    assert store.database["usage"].count_documents({}) == 0
