"""`diyml workers`: what the operator sees of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from launch.family import LaunchError
from launch.workers import list_workers
from settings import Settings
from storage.store import Store
from tests.launch.program import Program, until
from tests.storage.test_jobs import a_job
from tests.storage.test_workers import GPUS, THE_CPU, age, announce


def listed(settings: Settings) -> tuple[bool, list[str]]:
    lines: list[str] = []
    return list_workers(settings, lines.append), lines


def test_every_worker_is_listed_with_its_host_and_what_each_device_does(store: Store, settings: Settings):
    assert listed(settings) == (False, ["No worker is running."])
    announce(store, "w", THE_CPU, *GPUS)
    a_job(store, "ada", "p")
    job = store.job_runs.claim("w", GPUS[1])
    assert job
    there, (first, *rest) = listed(settings)
    assert there
    assert first.startswith("host  process 1, version 0, since ")
    assert first.endswith(", there")
    assert rest == [
        "  cpu     a processor, 16.0 GiB: free",
        "  gpu:0   a GPU, 128.0 GiB: free",
        f"  gpu:1   a GPU, 128.0 GiB: job {job.id}",
    ]


def test_a_worker_that_is_silent_is_listed_as_such(store: Store, settings: Settings):
    announce(store, "w", THE_CPU)
    age(store, "w", 600)
    there, (first, _) = listed(settings)
    assert not there
    assert "silent for 10 min" in first


def test_a_database_that_does_not_answer_is_named(settings: Settings):
    with pytest.raises(LaunchError, match="the database does not answer"):
        listed(dataclasses.replace(settings, mongo_uri="mongodb://127.0.0.1:1/"))


def test_the_embedded_database_of_the_data_folder_is_asked(data_dir: Path):
    program = Program(data_dir, "workers")
    assert program.ended(20) == 1
    assert f"no database runs on {data_dir}" in program.said
    Program(data_dir).ready()

    def said() -> str:
        program = Program(data_dir, "workers")
        program.ended(20)
        return program.said

    until(lambda: ": free" in said(), "the worker is listed")
