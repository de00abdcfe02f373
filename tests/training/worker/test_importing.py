"""Processes that import: killed, cancelled, given up."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest
from bson import ObjectId
from flask.testing import FlaskClient

from storage.store import Store
from storage.sweeper import sweep
from tests.api.v1.import_calls import ImportCalls
from tests.conftest import Caller, wait_until
from tests.datasets.archive_files import slow_archive
from tests.storage.test_sweeper import AT_ONCE, NONE

MANY = 300
ENDLESS = 2000  # nobody waits for its end: it takes far longer than it takes to notice that it is not wanted


@pytest.fixture
def cells(client: FlaskClient, caller: Caller, store: Store) -> ImportCalls:
    """Imports into an empty project."""
    caller.project("cells", type="classification")
    return ImportCalls(client, caller.token, "cells")


@pytest.fixture(scope="module")
def many() -> bytes:
    return slow_archive(MANY)


@pytest.fixture(scope="module")
def endless() -> bytes:
    return slow_archive(ENDLESS)


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
def test_a_cancel_ends_it_within_seconds_and_what_was_imported_stays(cells: ImportCalls, store: Store, endless: bytes):
    import_id = cells.begin(endless)
    under_way(store)
    assert cells.post(import_id, "cancel").status_code == 200
    record = cells.ended(import_id, 10)
    assert record["state"] == "cancelled"
    assert "stays" in record["error"]
    assert 0 < record["counts"]["created"] == len(images(store)) < ENDLESS
    assert sweep(store, AT_ONCE) == NONE


@pytest.mark.usefixtures("worker")
def test_a_deleted_import_is_given_up(cells: ImportCalls, store: Store, endless: bytes):
    import_id = cells.begin(endless)
    under_way(store)
    assert cells.client.delete(f"/api/v1/imports/{import_id}", headers=cells.headers).status_code == 204

    def count() -> int:
        return store.database["images"].count_documents({})

    def is_quiet() -> bool:
        before = count()
        time.sleep(0.5)  # what is waited for is that nothing happens
        return count() == before

    wait_until(is_quiet, 10)
    assert count() < ENDLESS
    assert store.database["uploads.files"].count_documents({}) == 0
