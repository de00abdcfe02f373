"""Processes that import: killed, cancelled, stopped, taken over; and whose turn it is."""

from __future__ import annotations

import io
import os
import signal
import time
import zipfile
from typing import Any

import pytest
from bson import ObjectId
from flask.testing import FlaskClient
from PIL import Image

from datasets.imports.options import ImportOptions
from settings import Settings
from storage.import_record import Import, ImportState
from storage.store import Store
from storage.sweeper import sweep
from tests.api.v1.import_calls import ImportCalls
from tests.conftest import Caller, start_worker, wait_until
from tests.datasets.archive_files import zipped
from tests.storage.test_sweeper import AT_ONCE, NONE

MANY = 450


@pytest.fixture
def cells(client: FlaskClient, caller: Caller, store: Store) -> ImportCalls:
    """Imports into an empty project."""
    caller.project("cells", type="classification")
    return ImportCalls(client, caller.token, "cells")


@pytest.fixture(scope="module")
def many() -> bytes:
    """An archive that takes some seconds: each image is decoded for long, and all differ."""
    stream = io.BytesIO()
    Image.new("RGB", (1600, 1200), (200, 30, 30)).save(stream, "JPEG")
    image = stream.getvalue()
    files = {f"{'red' if number % 2 else 'other'}/{number:04}.jpg": image + b"%d" % number for number in range(MANY)}
    return zipped(files, zipfile.ZIP_STORED)


def row_of(store: Store) -> dict[str, Any]:
    return store.database["imports"].find_one({}, {"pieces": 0}) or {}


def under_way(store: Store) -> dict[str, Any]:
    """The import once a batch of it is written."""
    return wait_until(lambda: (row := row_of(store)).get("state") == "running" and row["done"] and row, 40, 0.01)


def images(store: Store) -> dict[ObjectId, ObjectId]:
    return {row["_id"]: row["file_id"] for row in store.database["images"].find()}


@pytest.mark.usefixtures("worker")
def test_a_killed_process_costs_only_what_was_not_there_yet(cells: ImportCalls, store: Store, many: bytes):
    import_id = cells.begin(many, on_conflict="keep_both", on_same_content="keep")
    row = under_way(store)
    os.kill(int(row["worker"].split("/")[2]), signal.SIGKILL)
    before = images(store)
    record = cells.ended(import_id)
    assert (record["state"], record["attempt"], record["counts"]["created"]) == ("succeeded", 2, MANY)
    after = images(store)
    assert len(after) == MANY
    assert before.items() <= after.items()
    assert len(before) >= row["done"] > 0
    sweep(store, AT_ONCE)
    assert store.database["images.files"].count_documents({}) == MANY
    assert store.database["images.chunks"].count_documents({}) == MANY


@pytest.mark.usefixtures("worker")
def test_a_cancel_ends_it_within_seconds_and_what_was_imported_stays(cells: ImportCalls, store: Store, many: bytes):
    import_id = cells.begin(many)
    under_way(store)
    asked = time.monotonic()
    assert cells.post(import_id, "cancel").status_code == 200
    record = cells.ended(import_id, 10)
    assert time.monotonic() - asked < 5
    assert record["state"] == "cancelled"
    assert "stays" in record["error"]
    assert 0 < record["counts"]["created"] == len(images(store)) < MANY
    assert sweep(store, AT_ONCE) == NONE


@pytest.mark.usefixtures("worker")
def test_a_deleted_import_is_given_up(cells: ImportCalls, store: Store, many: bytes):
    import_id = cells.begin(many)
    under_way(store)
    assert cells.client.delete(f"/api/v1/imports/{import_id}", headers=cells.headers).status_code == 204

    def count() -> int:
        return store.database["images"].count_documents({})

    def is_quiet() -> bool:
        before = count()
        time.sleep(0.5)  # what is waited for is that nothing happens
        return count() == before

    wait_until(is_quiet, 10)
    assert count() < MANY
    assert store.database["uploads.files"].count_documents({}) == 0


def test_a_worker_that_stops_gives_it_back_for_nothing_lost(
    cells: ImportCalls, store: Store, settings: Settings, many: bytes
):
    import_id = cells.begin(many, all_or_nothing=True)
    first = start_worker(settings)
    try:
        wait_until(lambda: (row := row_of(store)).get("validated") and row["done"], 40, 0.01)
    finally:
        first.terminate()
        assert first.wait(20) == 0
    row = row_of(store)
    assert (row["state"], row["losses"], row["error"]) == ("queued", 0, "the worker was stopped")
    second = start_worker(settings)
    try:
        record = cells.ended(import_id)
    finally:
        second.terminate()
        assert second.wait(20) == 0
    assert (record["state"], record["attempt"], record["counts"]["created"]) == ("succeeded", 2, MANY)
    assert len(images(store)) == MANY


def queued(store: Store, owner_id: ObjectId, project_id: ObjectId | None = None) -> Import:
    record = store.imports.create(project_id or ObjectId(), owner_id, 3, "", ImportOptions().to_row())
    return store.imports.append(record, [store.imports.put_piece(0, b"abc")])


def test_users_take_turns(store: Store):
    ada, grace = ObjectId(), ObjectId()
    of_ada = [queued(store, ada) for _ in range(3)]
    of_grace = [queued(store, grace) for _ in range(2)]
    claimed = []
    while record := store.import_runs.claim("w"):
        claimed.append(record.id)
        assert store.import_runs.end(record, ImportState.SUCCEEDED, None, None, {})
    turns = [record.id for pair in zip(of_ada, of_grace, strict=False) for record in pair]
    assert claimed == [*turns, of_ada[2].id]


def test_an_import_is_tried_three_times(store: Store):
    queued(store, ObjectId())
    for attempt in range(1, 4):
        record = store.import_runs.claim("w")
        assert record
        assert record.attempt == attempt
        assert store.import_runs.release(record, "the process that imported was lost")
        # What a lost process still writes is refused.
        assert not store.import_runs.note(record, {"done": 5})
        assert store.import_runs.beat(record) is None
        assert not store.import_runs.advance(record, {"done": 5}, [])
        assert not store.import_runs.end(record, ImportState.SUCCEEDED, None, None, {})
    record = store.imports.get(record.id)
    assert (record.state, record.done) == (ImportState.FAILED, 0)
    assert record.error == "the process that imported was lost (tried 3 times)"
    assert store.import_runs.claim("w") is None


def test_a_released_import_that_somebody_cancelled_ends(store: Store):
    record = queued(store, ObjectId())
    running = store.import_runs.claim("w")
    assert running
    store.imports.cancel(record.id)
    assert store.imports.get(record.id).cancel_requested
    assert store.import_runs.release(running, "stopped", counts=False)
    assert store.imports.get(record.id).state is ImportState.CANCELLED
