"""Checkpoints reach the store beside the training, the newest first, and never hold anybody up."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from storage.files import StoredFile
from storage.job import Job
from storage.store import Store
from tests.conftest import wait_until
from tests.storage.test_jobs import a_job, claimed
from training.worker.keeper import Keeper
from utils import Unavailable


@pytest.fixture
def job(store: Store) -> Job:
    a_job(store, "ada", "p")
    return claimed(store)


def written(folder: Path, epoch: int) -> Path:
    path = folder / f"epoch-{epoch}"
    path.write_bytes(b"x" * epoch)
    return path


def kept_epoch(store: Store, job: Job) -> int | None:
    checkpoint = store.jobs.get(job.id).checkpoint
    return checkpoint.epoch if checkpoint else None


def test_what_is_overtaken_while_an_upload_takes_its_time_is_dropped(
    store: Store, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, begun, go_on, uploads = store.artifacts.put, threading.Event(), threading.Event(), list[str]()

    def slow(source: BinaryIO, name: str) -> StoredFile:
        uploads.append(name)
        begun.set()
        assert go_on.wait(10)
        return put(source, name)

    monkeypatch.setattr(store.artifacts, "put", slow)
    with Keeper(store, job, "digest", lambda: None) as keeper:
        keeper.offer(written(tmp_path, 1), 1)
        assert begun.wait(10)
        started = time.monotonic()
        for epoch in (2, 3, 4):
            keeper.offer(written(tmp_path, epoch), epoch)
        assert time.monotonic() - started < 8
        assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-1", "epoch-4"]
        go_on.set()
        keeper.flush(10)
    assert uploads == ["checkpoint-1", "checkpoint-4"]
    assert kept_epoch(store, job) == 4
    assert list(tmp_path.iterdir()) == []
    assert store.database["artifacts.files"].count_documents({}) == 1


def test_a_checkpoint_waits_for_a_database_that_does_not_answer(
    store: Store, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, refused = store.artifacts.put, list[str]()

    def refuse_once(source: BinaryIO, name: str) -> StoredFile:
        if not refused:
            refused.append(name)
            raise Unavailable("the database does not answer")
        return put(source, name)

    monkeypatch.setattr(store.artifacts, "put", refuse_once)
    with Keeper(store, job, "digest", lambda: None) as keeper:
        keeper.offer(written(tmp_path, 1), 1)
        keeper.resumed(3)
        wait_until(lambda: kept_epoch(store, job) == 1, 10)
    assert refused
    assert store.jobs.get(job.id).attempts[0].resumed_from_epoch == 3


def test_the_history_is_recorded_before_the_checkpoint(store: Store, job: Job, tmp_path: Path) -> None:
    seen = []
    with Keeper(store, job, "digest", lambda: seen.append(kept_epoch(store, job))) as keeper:
        keeper.offer(written(tmp_path, 2), 2)
        keeper.flush(10)
    assert (seen, kept_epoch(store, job)) == ([None], 2)
