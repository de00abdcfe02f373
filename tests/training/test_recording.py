"""The record of a job's data, and what is refused or left alone for its sake."""

from __future__ import annotations

import io

import pytest
from bson import ObjectId

from datasets.capture import capture
from datasets.record import RecordedData
from datasets.split import split
from settings import Settings
from storage.idempotency import Idempotency
from storage.job import Job, JobState
from storage.projects import Project
from storage.store import Store
from storage.sweeper import sweep
from tests.api.problems import assert_problem
from tests.conftest import Caller, picture
from tests.storage.test_sweeper import AT_ONCE, NONE
from tests.training.conftest import supervisor
from training.recording import keep_record, recorded_data
from training.worker.supervisor import hand_over
from utils import Conflict

PARAMS = {"epochs": 1, "train_split": 0.8, "seed": 3}


@pytest.fixture
def project(caller: Caller, store: Store) -> Project:
    caller.project("pets", classes="cat|dog")
    for seed in range(6):
        caller.place("pets", f"{seed}.png", "cat" if seed % 2 else "dog", picture(seed=seed))
    user = store.users.find("ada")
    assert user
    return store.projects.named("pets", user)


@pytest.fixture
def running(store: Store, project: Project) -> Job:
    """A job whose data a worker has recorded."""
    store.jobs.create(project, PARAMS, 1)
    record(store, project, claimed(store))
    (job,) = store.job_runs.running()
    return job


@pytest.fixture
def ended(store: Store, running: Job) -> Job:
    assert store.job_runs.fail(running, "no reason")
    return store.jobs.get(running.id)


def claimed(store: Store) -> Job:
    job = store.job_runs.claim("w")
    assert job
    return job


def record(store: Store, project: Project, job: Job) -> None:
    snapshot = capture(store, project)
    data = RecordedData(snapshot, split(snapshot, 0.8, 3))
    keep_record(store, job, data, snapshot.digest())


def files(store: Store) -> set[ObjectId]:
    return {row["_id"] for row in store.database["artifacts.files"].find()}


def test_a_further_attempt_writes_the_same_data_no_second_time(store: Store, project: Project, running: Job) -> None:
    store.job_runs.release(running, "lost")
    record(store, project, claimed(store))
    assert running.dataset
    assert store.jobs.get(running.id).dataset == running.dataset
    assert files(store) == {running.dataset.file_id}


def test_other_data_of_a_further_attempt_take_the_place_of_the_first(
    caller: Caller, store: Store, project: Project, running: Job
) -> None:
    store.job_runs.release(running, "lost")
    caller.place("pets", "more.png", "cat", picture(seed=9))
    record(store, project, claimed(store))
    dataset = store.jobs.get(running.id).dataset
    assert dataset
    assert dataset.train_images + dataset.val_images == 7
    assert files(store) == {dataset.file_id}


def test_an_attempt_that_lost_its_job_leaves_no_record(store: Store, project: Project) -> None:
    store.jobs.create(project, PARAMS, 1)
    stale = claimed(store)
    store.job_runs.release(stale, "lost")
    record(store, project, stale)
    assert store.jobs.get(stale.id).dataset is None
    assert files(store) == set()


def test_a_record_stays_when_its_job_ends_and_goes_with_its_project(caller: Caller, store: Store, running: Job) -> None:
    checkpoint = store.artifacts.put(io.BytesIO(b"c"), "checkpoint")
    assert store.job_runs.checkpoint(running, checkpoint, 1, "digest")
    assert store.job_runs.fail(running, "no reason")
    assert running.dataset
    assert files(store) == {running.dataset.file_id}
    assert sweep(store, AT_ONCE) == NONE
    assert caller.call("POST", f"/api/v1/jobs/{running.id}/repeat").status_code == 202
    assert caller.call("PATCH", "/upload/project", project_name="pets").status_code == 200
    assert files(store) == set()


def test_only_an_ended_job_with_a_record_is_repeated(caller: Caller, store: Store, project: Project) -> None:
    job = store.jobs.create(project, PARAMS, 1)
    url = f"/api/v1/jobs/{job.id}/repeat"
    assert_problem(caller.call("POST", url), 409, "is queued", "once it has ended")
    assert_problem(caller.call("POST", url, epochs=3), 400, "epochs")
    store.jobs.cancel(job.id)
    assert_problem(caller.call("POST", url), 409, "no record", "plain training")
    shown = caller._client.get(f"/api/v1/jobs/{job.id}/record", query_string={"api_token": caller.token}).json
    assert (shown["dataset"], shown["environment"], shown["model"]) == (None, None, None)


def test_a_repetition_waits_in_the_queue_like_any_other_training(
    caller: Caller, store: Store, ended: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"/api/v1/jobs/{ended.id}/repeat"
    first = caller.call("POST", url)
    assert (first.status_code, first.json["queue"]["position"], first.json["difference"]) == (202, 1, None)
    assert first.headers["Location"] == f"/api/v1/jobs/{first.json['job_id']}"
    assert_problem(caller.call("POST", url), 409, "queued or running")
    store.jobs.cancel(ObjectId(first.json["job_id"]))
    monkeypatch.setattr(store.jobs, "_queued_per_user", 0)
    assert_problem(caller.call("POST", url), 429)


def test_a_repetition_asked_for_again_with_its_key_is_the_same_job(
    caller: Caller, store: Store, ended: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"/api/v1/jobs/{ended.id}/repeat"
    headers = {"Authorization": f"Bearer {caller.token}", "Idempotency-Key": "again"}
    # As if the process had been killed before it could keep its answer, and the lease had run out since.
    monkeypatch.setattr(Idempotency, "keep", lambda keys, claim, _: keys.release(claim))
    first, second = (caller._client.post(url, headers=headers, json={}) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json["job_id"] == second.json["job_id"]


def test_a_repetition_of_a_repetition_is_one_of_the_same_data(caller: Caller, store: Store, ended: Job) -> None:
    second = ObjectId(caller.call("POST", f"/api/v1/jobs/{ended.id}/repeat").json["job_id"])
    store.jobs.cancel(second)
    third = store.jobs.get(ObjectId(caller.call("POST", f"/api/v1/jobs/{second}/repeat").json["job_id"]))
    assert (third.repeats, third.dataset) == (second, ended.dataset)


def test_images_that_vanish_while_it_waits_fail_it_with_their_names(
    caller: Caller, store: Store, settings: Settings, ended: Job
) -> None:
    assert caller.call("POST", f"/api/v1/jobs/{ended.id}/repeat").status_code == 202
    for name in ("1.png", "4.png"):
        caller.call("PATCH", "/upload/data_point", project_name="pets", data_point_name=name)
    job = claimed(store)
    supervisor(store, settings).run(job)
    failed = store.jobs.get(job.id)
    assert failed.state is JobState.FAILED
    assert str(failed.error).startswith("2 of the 6 images of that training are not stored any more: ")
    assert "'1.png'" in str(failed.error)
    assert "'4.png'" in str(failed.error)


def test_a_record_that_was_changed_is_not_used(store: Store, ended: Job) -> None:
    assert ended.dataset
    chunk = {"files_id": ended.dataset.file_id}
    store.database["artifacts.chunks"].update_one(chunk, {"$set": {"data": b"{}"}})
    with pytest.raises(Conflict, match="cannot be read"):
        recorded_data(store, ended)


@pytest.mark.parametrize("serves", [True, False])
def test_the_model_of_a_repetition_serves_only_where_none_does(
    caller: Caller, store: Store, project: Project, ended: Job, serves: bool
) -> None:
    if serves:
        model = store.models.create(project.id, ended.id, {}, {})
        assert store.projects.serve(project.id, model.id, model.version)
    caller.call("POST", f"/api/v1/jobs/{ended.id}/repeat")
    job = claimed(store)
    new = store.models.create(project.id, job.id, {}, {})
    assert store.job_runs.succeed(job, new.id)
    hand_over(store, job, new)
    assert store.projects.refresh(project).model_id == (model.id if serves else new.id)
    assert list(store.jobs.unserved()) == []
    sweep(store, AT_ONCE)
    assert store.models.get(new.id).version == new.version
