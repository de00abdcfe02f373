"""What must hold after any fault, read from the database itself; every long run ends with it."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

from launch.serving import serving_checks
from settings import Settings
from storage.checks.check import Look
from storage.checks.inspection import inspect
from storage.checks.registry import CHECKS
from storage.job import JobState, job_of
from storage.store import Store
from storage.sweeper import GRACE, sweep
from utils import utc_now

# Older than this is what a run left before its last step; what is younger may be under way.
AT_ONCE = timedelta(seconds=-2)


def check(store: Store) -> None:
    """See that every job has one end with one model or none, that what serves is whole, and that no image lacks its
    file. Call it when nothing is under way."""
    _check_jobs(store)
    _check_projects(store)
    fsck(store, GRACE)


def fsck(store: Store, grace: timedelta) -> None:
    """See that `diyml fsck` finds nothing, neither young nor old."""
    with tempfile.TemporaryDirectory() as folder:
        look = Look(store, Settings(data_dir=Path(folder)), utc_now() - grace)
        results = inspect(look, (*CHECKS, *serving_checks(look)), False, time.sleep)
        found = [finding.where for result in results for finding, _ in result.open]
    assert not found, found


def orphans(store: Store) -> dict[str, int]:
    """Chunks without a file, by bucket."""
    found = {}
    for bucket in ("images", "artifacts"):
        files = set(store.database[f"{bucket}.files"].distinct("_id"))
        found[bucket] = len(set(store.database[f"{bucket}.chunks"].distinct("files_id")) - files)
    return found


def sweep_and_check(store: Store) -> None:
    """The same after the sweeper, which must leave nothing without owner and nothing that counts touched."""
    check(store)
    sweep(store, AT_ONCE)
    check(store)
    fsck(store, AT_ONCE)
    assert not any(orphans(store).values()), orphans(store)


def _check_jobs(store: Store) -> None:
    models = Counter(row["job_id"] for row in store.database["models"].find({}, {"job_id": 1}))
    for row in store.database["jobs"].find():
        job = job_of(row)
        assert job.state.ended or row.get("active"), f"{job.id} is {job.state.value} and not active"
        if not job.state.ended:
            continue
        ends = [state["state"] for state in job.states if JobState(state["state"]).ended]
        assert ends == [job.state.value], f"{job.id} ended as {ends}"
        assert models[job.id] == (job.state is JobState.SUCCEEDED), (
            f"{job.id}: {job.state.value}, {models[job.id]} models"
        )
        assert job.error or job.state is JobState.SUCCEEDED, f"{job.id} is {job.state.value} without a reason"
        _check_events(store, row)


def _check_events(store: Store, row: dict) -> None:
    """Numbers rise, none is given twice, and the last event is the end."""
    job = job_of(row)
    numbers = [state["seq"] for state in job.states]
    rows = store.database["job_events"].find({"job_id": job.id}, {"seq": 1, "at": 1}).sort("seq", 1)
    numbers += [event["seq"] for event in rows]
    assert len(numbers) == len(set(numbers)), f"{job.id}: events share a number"
    assert max(numbers) == job.states[-1]["seq"] == job.last_event, f"{job.id}: its end is not its last event"
    epochs = [entry["epoch"] for entry in job.history]
    assert epochs == sorted(set(epochs)), f"{job.id}: epochs {epochs}"


def _check_projects(store: Store) -> None:
    for project in store.database["projects"].find():
        succeeded = list(store.database["jobs"].find({"project_id": project["_id"], "state": "succeeded"}))
        versions = {row["_id"]: row["version"] for row in store.database["models"].find({"project_id": project["_id"]})}
        assert sorted(versions.values()) == list(range(1, len(succeeded) + 1)), f"{project['name']}: {versions}"
        if succeeded:
            newest = max(versions, key=lambda model_id: versions[model_id])
            assert project["model_id"] == newest, f"{project['name']} is not served by its newest model"
