"""Each invariant broken on purpose: exactly that is found, in words, and what can be mended is."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from launch.serving import serving_checks
from settings import Settings
from storage.checks.check import Look
from storage.checks.inspection import Result, inspect
from storage.checks.registry import CHECKS
from storage.images import StoredAnnotation
from storage.job import Job, JobState
from storage.models import Model
from storage.projects import Project
from storage.store import Store
from storage.usage import Calls
from storage.users import User
from tests.inference.models import store_brightness_model
from tests.storage.test_sweeper import AT_ONCE, HEADER
from utils import utc_now

CLEAN: list[str] = []
AN_HOUR = timedelta(hours=1)


@dataclass
class World:
    """A healthy store: a published project with an image and two models, and another with a job that waits."""

    store: Store
    settings: Settings
    user: User
    project: Project
    older: Model
    newer: Model
    waiting: Job

    def results(self, repair: bool = False, grace: timedelta = AT_ONCE) -> list[Result]:
        look = Look(self.store, self.settings, utc_now() - grace)
        checks = (*CHECKS, *serving_checks(look))
        return list(inspect(look, checks, repair, wait=lambda _: None))

    def found(self) -> list[str]:
        return [finding.where for result in self.results() for finding, _ in result.open]

    def repaired(self) -> list[str]:
        """What was done."""
        return [done for result in self.results(repair=True) for _, done in result.mended]

    def raw(self, collection: str) -> Any:
        return self.store.database[collection]

    def served(self) -> Project:
        return self.store.projects.refresh(self.project)


@pytest.fixture
def world(store: Store, settings: Settings) -> Iterator[World]:
    user = store.users.create("ada", b"long enough")
    store.tokens.create(user.id)
    project = store.projects.create(user, "pets", "classification")
    project = store.projects.set_classes(project, ("cat", "dog"))
    project = store.projects.set_classes(project, ("dog",))  # an annotation may name a class that is retired
    file = store.image_files.put(io.BytesIO(b"pixels"), "a.png")
    store.images.place(project.id, "a.png", file, HEADER, (StoredAnnotation(0), StoredAnnotation(1)))
    older, newer = (handed_over(store, project) for _ in range(2))
    store.projects.publish(project, True)
    store.inferences.create(project.id, user.id, [])
    store.usage.add(project.id, newer.id, utc_now().date(), Calls(1))
    other = store.projects.create(user, "plants", "classification")
    yield World(store, settings, user, project, older, newer, waiting_with_checkpoint(store, other))
    store.prepare()


def handed_over(store: Store, project: Project) -> Model:
    model = store_brightness_model(store, project)
    store.jobs.mark_served(model.job_id)
    return model


def waiting_with_checkpoint(store: Store, project: Project) -> Job:
    store.jobs.create(project, {}, 3)
    job = store.job_runs.claim("w")
    assert job
    assert store.job_runs.checkpoint(job, store.artifacts.put(io.BytesIO(b"weights"), "checkpoint"), 1, "digest")
    assert store.job_runs.release(job, "the worker was stopped")
    return store.jobs.get(job.id)


def lose_image(world: World) -> str:
    world.store.image_files.delete(world.raw("images").find_one()["file_id"])
    return "data point 'a.png' of project 'pets': its file is lost or has another length"


def lengthen_image(world: World) -> str:
    world.raw("images").update_one({}, {"$set": {"size": 7}})
    return "data point 'a.png' of project 'pets': its file is lost or has another length"


def change_image(world: World) -> str:
    world.raw("images.chunks").update_one({}, {"$set": {"data": b"PIXELS"}})
    return "data point 'a.png' of project 'pets': the content of its file has changed"


def cut_chunk(world: World) -> str:
    world.raw("images.chunks").update_one({}, {"$set": {"data": b"pix"}})
    return "data point 'a.png' of project 'pets': the content of its file has changed"


def lose_chunk(world: World) -> str:
    world.raw("images.chunks").delete_one({})
    return "data point 'a.png' of project 'pets': parts of its file are lost"


def lose_class(world: World) -> str:
    world.raw("projects").update_one({"name": "pets"}, {"$set": {"retired": []}})
    return "data point 'a.png' of project 'pets': its labels name 1 class that the project never had"


def lose_file_of_older_model(world: World) -> str:
    world.store.artifacts.delete(world.older.files["model.onnx"].file_id)
    return "'model.onnx' of model version 1 of project 'pets': its file is lost or has another length"


def lose_older_model(world: World) -> str:
    world.store.models.delete(world.older.id)
    return f"job {world.older.job_id} of project 'pets': it has succeeded, and its model is lost"


LOST = (
    lose_image, lengthen_image, change_image, cut_chunk, lose_chunk, lose_class, lose_file_of_older_model,
    lose_older_model,
)  # fmt: skip


def damage_checkpoint(world: World) -> tuple[str, str]:
    assert world.waiting.checkpoint
    world.store.artifacts.delete(world.waiting.checkpoint.file_id)
    where = f"checkpoint of job {world.waiting.id} of project 'plants': its file is lost or has another length"
    return where, "forgotten: the next attempt starts over from the first epoch"


def leave_image_file(world: World) -> tuple[str, str]:
    file = world.store.image_files.put(io.BytesIO(b"of nobody"), "x")
    return f"file {file.id} among the image files: nothing refers to it", "removed"


def leave_artifact(world: World) -> tuple[str, str]:
    file = world.store.artifacts.put(io.BytesIO(b"of nobody"), "x")
    return f"file {file.id} among the artifacts: nothing refers to it", "removed"


def leave_chunk(world: World) -> tuple[str, str]:
    file_id = ObjectId()
    world.raw("artifacts.chunks").insert_one({"files_id": file_id, "n": 3, "data": b"part"})
    return f"chunks of {file_id} among the artifacts: its upload was cut short, or it is deleted", "removed"


def lose_worker(world: World) -> tuple[str, str]:
    assert world.store.job_runs.claim("w")
    world.raw("jobs").update_one({"_id": world.waiting.id}, {"$set": {"lease_until": utc_now() - AN_HOUR}})
    where = f"job {world.waiting.id} of project 'plants', attempt 2: it runs, and its lease has run out"
    return where, "given back to the queue, or ended"


def make_second_model(world: World) -> tuple[str, str]:
    model = world.store.models.create(world.project.id, world.newer.job_id, {}, {})
    return f"model {model.id}: its job has succeeded with another one", "removed"


def make_model_of_nobody(world: World) -> tuple[str, str]:
    model = world.store.models.create(world.project.id, world.waiting.id, {}, {})
    return f"model {model.id}: no job that has succeeded names it", "removed"


def keep_checkpoint(world: World) -> tuple[str, str]:
    checkpoint = {"file_id": ObjectId(), "sha256": "", "size": 1, "epoch": 1, "digest": ""}
    world.raw("jobs").update_one({"_id": world.newer.job_id}, {"$set": {"checkpoint": checkpoint}})
    where = f"job {world.newer.job_id} of project 'pets'"
    return f"{where}: it has ended, and holds a checkpoint, a lease or its project", "let go"


def keep_project(world: World) -> tuple[str, str]:
    change = {"$set": {"active": True}, "$unset": {"turns": 1}}  # which another job may have by now
    world.raw("jobs").update_one({"_id": world.newer.job_id}, change)
    where = f"job {world.newer.job_id} of project 'pets'"
    return f"{where}: it has ended, and holds a checkpoint, a lease or its project", "let go"


def let_project_go(world: World) -> tuple[str, str]:
    world.raw("jobs").update_one({"_id": world.waiting.id}, {"$unset": {"active": 1, "checkpoint": 1}})
    world.store.artifacts.delete(world.waiting.checkpoint.file_id)
    where = f"job {world.waiting.id} of project 'plants': it has not ended, and does not hold its project"
    return where, "holds it again"


def serve_what_is_not_there(world: World) -> tuple[str, str]:
    world.raw("projects").update_one({"name": "pets"}, {"$set": {"model_id": ObjectId(), "model_version": 3}})
    where = "project 'pets': its model version 3, which should answer, is lost"
    return where, "model version 2 answers for it now"


def forget_to_hand_over(world: World) -> tuple[str, str]:
    world.raw("jobs").update_one({"_id": world.newer.job_id}, {"$unset": {"served": 1}})
    before = {"model_id": world.older.id, "model_version": 1}
    world.raw("projects").update_one({"name": "pets"}, {"$set": before})
    where = f"job {world.newer.job_id} of project 'pets': its model does not answer for the project yet"
    return where, "handed over"


def spoil_card(world: World) -> tuple[str, str]:
    world.raw("models").update_one({"_id": world.newer.id}, {"$set": {"card.image_size": 17}})
    return "project 'pets' is published, and its model version 2 cannot serve", "model version 1 answers for it now"


def lose_account(world: World) -> tuple[str, str]:
    other = world.store.users.create("grace", b"long enough")
    world.store.tokens.create(other.id)
    world.store.projects.create(other, "theirs", "classification")
    world.store.users.delete(other.id)
    where = f"account {other.id}: it is deleted, and projects, tokens, memberships, addresses or results of it are left"
    return where, "removed"


def lose_project(world: World) -> tuple[str, str]:
    world.store.projects.delete(world.project.id)
    left = "images, tables, imports, jobs, models, webhooks, alerts or results"
    where = f"project {world.project.id}: it is deleted, and {left} of it are left"
    return where, "removed"


def leave_events(world: World) -> tuple[str, str]:
    job_id = ObjectId()
    world.raw("job_events").insert_one({"job_id": job_id, "seq": 1})
    return f"events of job {job_id}: it is deleted", "removed"


def leave_usage(world: World) -> tuple[str, str]:
    model_id = ObjectId()
    world.store.usage.add(world.project.id, model_id, utc_now().date(), Calls(1))
    return f"calls of model {model_id}: it is deleted", "removed"


def drop_index(world: World) -> tuple[str, str]:
    world.raw("projects").drop_index("name_1")
    where = "index 'name_1' of the collection 'projects': it is missing, and with it a rule of uniqueness"
    return where, "built"


def drop_index_of_gridfs(world: World) -> tuple[str, str]:
    world.raw("images.chunks").drop_index("files_id_1_n_1")
    where = "index 'files_id_1_n_1' of the collection 'images.chunks': it is missing, and with it a rule of uniqueness"
    return where, "built"


def change_index(world: World) -> tuple[str, str]:
    world.raw("tokens").drop_index("expires_at_1")
    world.raw("tokens").create_index("expires_at")
    where = "index 'expires_at_1' of the collection 'tokens': it has other keys or options than declared"
    return where, "built"


def forget_what_an_image_is_found_by(world: World) -> tuple[str, str]:
    world.raw("images").update_one({}, {"$set": {"annotations": []}})
    return "data point 'a.png' of project 'pets': lists do not find it by what it is", "derived anew"


MENDED = (
    damage_checkpoint, leave_image_file, leave_artifact, leave_chunk, lose_worker, make_second_model,
    make_model_of_nobody, keep_checkpoint, keep_project, let_project_go, serve_what_is_not_there, forget_to_hand_over,
    spoil_card, lose_account, lose_project, leave_events, leave_usage, drop_index, drop_index_of_gridfs, change_index,
    forget_what_an_image_is_found_by,
)  # fmt: skip


def test_in_a_healthy_store_nothing_is_found_and_everything_was_looked_at(world: World) -> None:
    results = world.results()
    assert [finding.where for result in results for finding, _ in result.open] == CLEAN
    seen = {result.check.rule: result.seen for result in results}
    assert seen["Every file has the content that is recorded."] == 4
    assert seen["Every published project can serve."] == 1


@pytest.mark.parametrize("break_it", LOST, ids=lambda function: function.__name__)
def test_what_is_lost_is_told_and_stays_so(world: World, break_it: Callable[[World], str]) -> None:
    where = break_it(world)
    assert world.found() == [where]
    assert world.repaired() == []
    assert world.found() == [where]


@pytest.mark.parametrize("break_it", MENDED, ids=lambda function: function.__name__)
def test_what_can_be_mended_is_and_nothing_else_is_touched(
    world: World, break_it: Callable[[World], tuple[str, str]]
) -> None:
    where, done = break_it(world)
    found = world.found()
    assert len(found) == 1
    assert found[0].startswith(where)
    assert world.repaired() == [done]
    assert world.found() == CLEAN
    assert world.repaired() == []


@pytest.mark.parametrize("break_it", [leave_image_file, leave_artifact, leave_chunk, make_second_model])
def test_what_a_step_under_way_may_still_need_is_left_alone(world: World, break_it: Callable[[World], Any]) -> None:
    break_it(world)
    assert [finding for result in world.results(True, AN_HOUR) for finding, _ in (*result.open, *result.mended)] == []


def test_what_is_no_more_at_the_second_look_is_nothing_wrong(world: World) -> None:
    lose_project(world)
    look = Look(world.store, world.settings, utc_now() - AT_ONCE)
    deleted = lambda _: world.store.delete_contents(world.project.id)  # noqa: E731
    assert all(result.is_well for result in inspect(look, CHECKS, False, wait=deleted))


def test_a_project_none_of_whose_models_works_is_withdrawn_and_keeps_its_models(world: World) -> None:
    world.raw("models").update_many({}, {"$set": {"card.image_size": 17}})
    assert world.repaired() == ["no other model works, it is not published any more"]
    assert (world.served().is_published, world.served().model_id) == (False, world.newer.id)
    assert world.raw("models").count_documents({}) == 2


def test_a_project_without_any_model_left_can_be_trained_and_published_again(world: World) -> None:
    for model in (world.older, world.newer):
        world.store.models.delete(model.id)
    assert "no other model works, it is not published any more" in world.repaired()
    assert (world.served().is_published, world.served().model_id, world.served().model_version) == (False, None, 0)
    model = handed_over(world.store, world.project)
    assert world.served().model_id == model.id


def test_two_of_one_name_keep_their_index_from_being_built_and_are_named(world: World) -> None:
    drop_index(world)
    row = world.raw("projects").find_one({"name": "plants"})
    world.raw("projects").insert_one({**row, "_id": ObjectId()})
    reasons = [reason for result in world.results(repair=True) for _, reason in result.open]
    assert reasons == ["the index cannot be built: several documents are alike in {'name': 'plants'}"]
    world.raw("projects").delete_many({"name": "plants"})


def test_a_lease_that_ran_out_is_told_only_when_nobody_beats_between_two_looks(world: World) -> None:
    job = world.store.job_runs.claim("w")
    assert job
    world.raw("jobs").update_one({"_id": world.waiting.id}, {"$set": {"lease_until": utc_now() - AN_HOUR}})
    look = Look(world.store, world.settings, utc_now() - AT_ONCE)
    beat = lambda _: world.store.job_runs.beat(job, {}, [], [])  # noqa: E731
    assert all(result.is_well for result in inspect(look, CHECKS, True, wait=beat))
    assert world.store.jobs.get(job.id).state is JobState.RUNNING


def test_more_findings_than_one_batch_holds_are_all_mended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.database._BATCH", 3)
    monkeypatch.setattr("storage.checks.files._BATCH", 2)
    for _ in range(10):
        leave_image_file(world)
    assert world.repaired() == ["removed"] * 10
    assert world.found() == CLEAN


def test_what_is_beyond_the_bound_is_counted_and_mended_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.checks.inspection.MOST_TOLD", 4)
    for _ in range(6):
        leave_image_file(world)
    assert [result.further for result in world.results(repair=True) if result.further] == [2]
    assert world.repaired() == ["removed"] * 2
    assert world.found() == CLEAN
