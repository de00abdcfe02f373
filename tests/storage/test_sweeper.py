"""Every two-step change interrupted between its steps: what is left goes, what counts and what is young stays."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from bson import ObjectId

from storage.images import StoredAnnotation
from storage.leftovers import LEFTOVERS
from storage.projects import Project
from storage.store import Store
from storage.sweeper import sweep
from storage.usage import Calls
from storage.users import User
from utils import utc_now

NONE = {kind.name: 0 for kind in LEFTOVERS}
AT_ONCE = timedelta(seconds=-2)
HEADER = {"format": "PNG", "width": 1, "height": 1}


@pytest.fixture
def user(store: Store) -> User:
    return store.users.create("ada", b"long enough")


@pytest.fixture
def project(store: Store, user: User) -> Project:
    """A project with an image, a model of a succeeded job, and a result."""
    return filled(store, user, "kept")


def filled(store: Store, user: User, name: str) -> Project:
    project = store.projects.create(user, name, "classification")
    file = store.image_files.put(io.BytesIO(name.encode()), name)
    store.images.place(project.id, "a", file, HEADER, (StoredAnnotation(0),))
    queued = store.jobs.create(project, {}, 1)
    job = store.job_runs.claim("w")
    assert job
    assert job.id == queued.id
    model = store.models.create(project.id, job.id, {}, {"model.onnx": store.artifacts.put(io.BytesIO(b"m"), "m")})
    assert store.job_runs.succeed(job, model.id)
    assert store.projects.serve(project.id, model.id, model.version)
    store.inferences.create(project.id, user.id, [])
    store.usage.add(project.id, model.id, utc_now().date(), Calls(1))
    return project


def _counts(store: Store) -> dict[str, int]:
    return {name: store.database[name].count_documents({}) for name in sorted(store.database.list_collection_names())}


def test_nothing_that_counts_is_removed(store: Store, project: Project):
    before = _counts(store)
    assert sweep(store, AT_ONCE) == NONE
    assert _counts(store) == before


def test_an_upload_whose_document_was_never_written_goes(store: Store, project: Project):
    before = _counts(store)
    store.image_files.put(io.BytesIO(b"of nobody"), "x")
    store.artifacts.put(io.BytesIO(b"of nobody"), "x")
    assert sweep(store, AT_ONCE) == {**NONE, "image_files": 1, "artifacts": 1}
    assert _counts(store) == before


def test_an_upload_that_was_cut_short_goes(store: Store, project: Project):
    before = _counts(store)
    store.database["images.chunks"].insert_one({"files_id": ObjectId(), "n": 0, "data": b"part"})
    assert sweep(store, AT_ONCE) == {**NONE, "image_files_chunks": 1}
    assert _counts(store) == before


def test_young_files_stay_because_their_document_may_come(store: Store, project: Project):
    file = store.image_files.put(io.BytesIO(b"not yet"), "x")
    store.database["images.chunks"].insert_one({"files_id": ObjectId(), "n": 0, "data": b"part"})
    assert sweep(store) == NONE
    assert store.image_files.read(file.id) == b"not yet"


def test_a_replaced_image_whose_old_file_was_not_deleted_goes(store: Store, project: Project):
    file = store.image_files.put(io.BytesIO(b"new"), "a")
    store.database["images"].update_one({"project_id": project.id}, {"$set": {"file_id": file.id}})
    assert sweep(store, AT_ONCE) == {**NONE, "image_files": 1}
    assert store.image_files.read(file.id) == b"new"


def test_contents_of_a_project_whose_document_is_gone_go(store: Store, user: User, project: Project):
    before = _counts(store)
    gone = filled(store, user, "gone")
    store.projects.delete(gone.id)
    assert sweep(store, AT_ONCE) == {**NONE, "contents": 1}
    assert _counts(store) == before


def test_a_running_job_of_a_gone_project_is_cancelled_and_stays_for_its_worker(store: Store, user: User):
    project = store.projects.create(user, "gone", "classification")
    job = store.jobs.create(project, {}, 1)
    assert store.job_runs.claim("w")
    store.projects.delete(project.id)
    sweep(store, AT_ONCE)
    assert store.jobs.get(job.id).cancel_requested
    assert store.job_runs.end_cancelled(store.jobs.get(job.id))
    sweep(store, AT_ONCE)
    assert store.database["jobs"].count_documents({}) == 0


def test_projects_of_an_account_that_is_gone_go_with_all_in_them(store: Store, project: Project):
    before = _counts(store)
    other = store.users.create("grace", b"long enough")
    for name in ("one", "two"):
        filled(store, other, name)
    store.users.delete(other.id)
    assert sweep(store, AT_ONCE) == {**NONE, "accounts": 1}
    assert _counts(store) == before


def test_a_model_whose_job_did_not_succeed_goes(store: Store, project: Project):
    before = _counts(store)
    file = store.artifacts.put(io.BytesIO(b"m"), "m")
    store.models.create(project.id, ObjectId(), {}, {"model.onnx": file})
    assert sweep(store) == NONE
    assert sweep(store, AT_ONCE) == {**NONE, "models": 1}
    assert _counts(store) == before


def test_tokens_and_results_of_an_account_that_is_gone_go(store: Store, user: User, project: Project):
    before = _counts(store)
    other = store.users.create("grace", b"long enough")
    store.tokens.create(other.id)
    store.inferences.create(project.id, other.id, [])
    store.users.delete(other.id)
    assert sweep(store, AT_ONCE) == {**NONE, "accounts": 1}
    assert _counts(store) == before


def test_a_result_of_a_project_that_is_gone_goes(store: Store, user: User, project: Project):
    before = _counts(store)
    store.inferences.create(ObjectId(), user.id, [])
    assert sweep(store, AT_ONCE) == {**NONE, "contents": 1}
    assert _counts(store) == before


def test_calls_of_a_model_that_is_gone_go(store: Store, project: Project):
    before = _counts(store)
    store.usage.add(project.id, ObjectId(), utc_now().date(), Calls(1))
    assert sweep(store, AT_ONCE) == {**NONE, "usage": 1}
    assert _counts(store) == before


def test_a_second_model_of_a_job_goes(store: Store, project: Project):
    before = _counts(store)
    first = store.models.get(project_model(store, project))
    store.models.create(project.id, first.job_id, {}, {"model.onnx": store.artifacts.put(io.BytesIO(b"2"), "m")})
    assert sweep(store) == NONE
    assert sweep(store, AT_ONCE) == {**NONE, "second_models": 1}
    assert _counts(store) == before


def test_a_model_that_serves_stays_though_its_job_has_lost_its_result(store: Store, project: Project):
    model_id = project_model(store, project)
    store.database["jobs"].update_one({"model_id": model_id}, {"$unset": {"model_id": 1}})
    assert sweep(store, AT_ONCE) == NONE
    assert store.models.get(model_id).project_id == project.id


def project_model(store: Store, project: Project) -> ObjectId:
    return store.projects.refresh(project).served_model_id


def test_a_checkpoint_stays_while_its_job_has_not_ended(store: Store, user: User):
    job = store.jobs.create(store.projects.create(user, "p", "classification"), {}, 1)
    claimed = store.job_runs.claim("w")
    assert claimed
    file = store.artifacts.put(io.BytesIO(b"c"), "checkpoint")
    assert store.job_runs.checkpoint(claimed, file, 1, "digest")
    assert sweep(store, AT_ONCE) == NONE
    # As if the worker had died between ending the job and deleting its checkpoint.
    store.database["jobs"].update_one({"_id": job.id}, {"$unset": {"active": 1}})
    assert sweep(store, AT_ONCE) == {**NONE, "artifacts": 1}


def test_more_leftovers_than_one_batch_holds_go(store: Store, project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("storage.database._BATCH", 3)
    before = _counts(store)
    for _ in range(10):
        store.image_files.put(io.BytesIO(b"of nobody"), "x")
        store.database["images.chunks"].insert_one({"files_id": ObjectId(), "n": 0, "data": b"part"})
    assert sweep(store, AT_ONCE) == {**NONE, "image_files": 10, "image_files_chunks": 10}
    assert _counts(store) == before


def test_sweeping_twice_removes_nothing_more(store: Store, user: User, project: Project):
    store.projects.delete(project.id)
    assert sweep(store, AT_ONCE)["contents"] == 1
    assert sweep(store, AT_ONCE) == NONE
