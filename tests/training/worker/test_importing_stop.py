"""A worker that is asked to stop while it imports."""

from __future__ import annotations

import psutil
from flask.testing import FlaskClient

from settings import Settings
from storage.store import Store
from tests.api.v1.import_calls import ImportCalls
from tests.conftest import Caller, start_worker, wait_until
from tests.datasets.archive_files import slow_archive
from tests.training.worker.test_importing import ENDLESS, images, row_of

MANY = 600


def test_a_process_whose_worker_was_killed_ends_and_gives_its_import_back(
    client: FlaskClient, caller: Caller, store: Store, settings: Settings
):
    caller.project("cells", type="classification")
    ImportCalls(client, caller.token, "cells").begin(slow_archive(ENDLESS))
    worker = start_worker(settings)
    wait_until(lambda: row_of(store)["state"] == "running", 40, 0.01)
    process = psutil.Process(int(row_of(store)["worker"].split("/")[2]))
    worker.kill()
    worker.wait()
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, 20)
    wait_until(lambda: row_of(store)["state"] == "queued", 10)
    assert row_of(store)["losses"] == 0


def test_a_worker_that_stops_gives_it_back_for_nothing_lost(
    client: FlaskClient, caller: Caller, store: Store, settings: Settings
):
    caller.project("cells", type="classification")
    cells = ImportCalls(client, caller.token, "cells")
    import_id = cells.begin(slow_archive(MANY), all_or_nothing=True)
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
