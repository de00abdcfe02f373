"""A process is killed before each of its writes, one after the other: what it leaves behind is whole or swept."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from datasets.imports.options import ImportOptions
from datasets.tables.changing import profile_of_table, reader_of
from datasets.tables.rows_file import RowIndex
from launch.serving import serving_checks
from settings import Settings
from storage.checks.check import Look
from storage.checks.inspection import inspect
from storage.checks.registry import CHECKS
from storage.images import StoredAnnotation
from storage.job import Job, JobState
from storage.projects import Project
from storage.store import Store
from storage.sweeper import sweep
from storage.users import User
from tests.conftest import ROOT, encoded, picture
from tests.datasets.tables.made import csv_of
from tests.datasets.tables.placed import import_file
from tests.inference.models import store_brightness_model
from tests.storage.test_sweeper import AT_ONCE
from training.worker.housekeeping import Housekeeper
from utils import utc_now

OLD, NEW = picture(seed=1), picture(seed=2)
HEADER = {"format": "PNG", "width": 32, "height": 24}
MOST_STEPS = 60


class Mortal:
    """Does what it is told in processes that may be killed before their n-th write."""

    def __init__(self, settings: Settings):
        # No heartbeat but those that belong to a step, so that each run makes the same writes.
        environment = dataclasses.replace(settings, heartbeat_seconds=1000).to_environment()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.steps.program"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def obey(self, operation: str, stop: int = 0, **order: Any) -> tuple[int, list[str]]:
        """Exit status, and the writes it began; before the last of them it died if the status is a signal's."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"operation": operation, "stop": stop, **order}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["status"], answer["steps"]

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(30)
        assert self.process.stdout
        self.process.stdout.close()


@pytest.fixture(scope="module")
def mortal(session_settings: Settings) -> Iterator[Mortal]:
    process = Mortal(session_settings)
    yield process
    process.end()


@dataclass
class Scene:
    """A store with one user's things, and a neighbour whose things must stay as they are."""

    store: Store
    settings: Settings
    mortal: Mortal
    steps: set[str]

    def user(self, name: str) -> User:
        return self.store.users.find(name) or self.store.users.create(name, b"long enough")

    def project(self, owner: User, name: str, images: int = 1, trained: bool = True) -> Project:
        """A project with images of both classes, and a published model with a result."""
        project = self.store.projects.create(owner, name, "classification")
        project = self.store.projects.set_classes(project, ("bright", "dark"))
        for number in range(images):
            self.image(project, str(number), picture(seed=number), class_id=number % 2)
        if trained:
            model = store_brightness_model(self.store, project)
            self.store.jobs.mark_served(model.job_id)
            self.store.database["job_events"].insert_one({"job_id": model.job_id, "seq": 2})
            self.store.projects.publish(project, True)
            self.store.inferences.create(project.id, owner.id, [])
        return self.store.projects.refresh(project)

    def image(self, project: Project, name: str, content: bytes, class_id: int = 0) -> None:
        file = self.store.image_files.put(io.BytesIO(content), name)
        self.store.images.place(project.id, name, file, HEADER, (StoredAnnotation(class_id),))

    def content(self, project: Project, name: str) -> bytes:
        return self.store.image_files.read(self.store.images.get(project.id, name).file_id)

    def until_it_survives(self, prepare: Callable[[int], dict[str, Any]], then: Callable[[bool], None]) -> int:
        """Kill it before write 1, 2, 3 ... until it gets through; gives how many writes it makes.

        Args:
            prepare: makes what the n-th run needs; gives the order.
            then: looks at what is there after a restart, told whether the run got through.
        """
        for stop in range(1, MOST_STEPS):
            order = prepare(stop)
            before = self.neighbour()
            status, steps = self.mortal.obey(stop=stop, **order)
            survived = status == 0
            assert status in (0, -signal.SIGKILL), f"ended with {status} in {steps}"
            self.steps.update(steps[-1:])
            self.restart()
            then(survived)
            assert self.wrong() == [], f"killed before {steps[-1:]}"
            assert self.neighbour() == before
            if survived:
                return len(steps)
        raise AssertionError("it never got through")

    def restart(self) -> None:
        """What the workers of a platform do that is started again."""
        housekeeper = Housekeeper(self.store, threading.Event())
        housekeeper.reap()
        housekeeper.finish()
        sweep(self.store, AT_ONCE)

    def wrong(self) -> list[str]:
        look = Look(self.store, self.settings, utc_now() - AT_ONCE)
        results = inspect(look, (*CHECKS, *serving_checks(look)), False, wait=lambda _: None)
        return [finding.where for result in results for finding, _ in result.open]

    def neighbour(self) -> list[Any]:
        user = self.user("neighbour")
        projects = self.store.projects.list_owned(user)
        images = [self.content(project, image.name) for project in projects for image in self._images(project)]
        return [projects, images, [self.store.models.list_all(project.id) for project in projects]]

    def _images(self, project: Project) -> list[Any]:
        return list(self.store.images.list_all(project.id))


@pytest.fixture
def scene(store: Store, settings: Settings, mortal: Mortal) -> Scene:
    scene = Scene(store, settings, mortal, set())
    scene.project(scene.user("neighbour"), "theirs")
    return scene


def asked(store: Store, user: User, method: str, path: str, **parameters: Any) -> dict[str, Any]:
    token = {"api_token": store.tokens.create(user.id)}
    return {"operation": "call", "method": method, "path": path, "parameters": {**token, **parameters}}


def placing(scene: Scene, user: User, name: str, content: bytes) -> dict[str, Any]:
    sent = {"data_point_name": name, "image_data": encoded(content), "label_data": "dark"}
    return asked(scene.store, user, "PUT", "/upload/data_point", project_name="pets", **sent)


def test_an_upload_that_is_stopped_is_there_as_a_whole_or_not_at_all(scene: Scene) -> None:
    user = scene.user("ada")
    project = scene.project(user, "pets", images=4, trained=False)

    def then(survived: bool) -> None:
        names = [image.name for image in scene.store.images.list_all(project.id)]
        assert ("new" in names) == survived
        assert not survived or scene.content(project, "new") == NEW

    scene.until_it_survives(lambda _: placing(scene, user, "new", NEW), then)
    assert scene.steps >= {"insert images.chunks", "insert images.files", "findAndModify images"}


def test_a_replacement_that_is_stopped_leaves_the_old_image_or_the_new_one(scene: Scene) -> None:
    user = scene.user("ada")
    project = scene.project(user, "pets", images=4, trained=False)
    seen: list[bytes] = []

    def prepare(_: int) -> dict[str, Any]:
        scene.image(project, "a", OLD)
        return placing(scene, user, "a", NEW)

    def then(survived: bool) -> None:
        seen.append(scene.content(project, "a"))
        labels = scene.store.images.get(project.id, "a").annotations
        assert [annotation.class_id for annotation in labels] == [0 if seen[-1] == OLD else 1]
        assert seen[-1] == NEW if survived else seen[-1] in (OLD, NEW)

    scene.until_it_survives(prepare, then)
    assert scene.steps >= {"findAndModify images", "delete images.files", "delete images.chunks"}
    assert set(seen) == {OLD, NEW}


def test_a_deleted_image_is_gone_or_there(scene: Scene) -> None:
    user = scene.user("ada")
    project = scene.project(user, "pets", images=4, trained=False)

    def prepare(_: int) -> dict[str, Any]:
        scene.image(project, "a", OLD)
        return asked(scene.store, user, "PATCH", "/upload/data_point", project_name="pets", data_point_name="a")

    def then(survived: bool) -> None:
        there = "a" in [image.name for image in scene.store.images.list_all(project.id)]
        assert not (there and survived)
        assert not there or scene.content(project, "a") == OLD

    scene.until_it_survives(prepare, then)


def test_a_submission_that_is_stopped_has_queued_one_training_or_none(scene: Scene) -> None:
    user = scene.user("ada")
    project = scene.project(user, "pets", images=4, trained=False)

    def then(survived: bool) -> None:
        jobs = scene.store.jobs.list_of(scene.store.projects.ids_of(user.id), 10, state=JobState.QUEUED)
        assert len(jobs) == 1 if survived else len(jobs) <= 1
        scene.store.jobs.cancel_all(project.id)

    wish = {"project_name": "pets", "train_split": 0.5, "epochs": 1}
    scene.until_it_survives(lambda _: asked(scene.store, user, "PUT", "/train", **wish), then)
    assert "insert jobs" in scene.steps


@pytest.mark.story
def test_a_training_that_is_stopped_ends_with_one_model_that_serves(scene: Scene) -> None:
    project = scene.project(scene.user("ada"), "pets", images=4, trained=False)
    jobs: list[Job] = []

    def prepare(_: int) -> dict[str, Any]:
        jobs.append(scene.store.jobs.create(project, {"train_split": 0.5, "seed": 0}, 2))
        return {"operation": "work"}

    def then(survived: bool) -> None:
        job = scene.store.jobs.get(jobs[-1].id)
        if job.state is not JobState.SUCCEEDED:
            assert not survived
            assert (job.state, job.model_id) == (JobState.QUEUED, None)
            assert scene.mortal.obey("work")[0] == 0
            scene.restart()
            job = scene.store.jobs.get(job.id)
        assert (job.state, job.checkpoint) == (JobState.SUCCEEDED, None)
        results = [scene.store.jobs.get(job.id).model_id for job in reversed(jobs)]
        assert [model.id for model in scene.store.models.list_all(project.id)] == results
        assert scene.store.projects.refresh(project).served_model_id == job.model_id

    assert scene.until_it_survives(prepare, then) >= 20
    assert scene.steps >= {
        "findAndModify jobs", "insert job_events", "insert artifacts.chunks", "insert artifacts.files",
        "delete artifacts.files", "insert models", "update projects", "update jobs",
    }  # fmt: skip


def test_a_publication_that_is_stopped_has_happened_or_not(scene: Scene) -> None:
    user = scene.user("ada")
    project = scene.project(user, "pets")

    def prepare(_: int) -> dict[str, Any]:
        scene.store.projects.publish(project, False)
        return asked(scene.store, user, "PUT", "/publish", project_name="pets", is_published="True")

    def then(survived: bool) -> None:
        assert scene.store.projects.refresh(project).is_published == survived

    scene.until_it_survives(prepare, then)
    assert scene.steps - {"update tokens"} == {"update projects"}  # that a token is used is noted once a minute


@pytest.mark.story
def test_a_project_whose_deletion_is_stopped_is_untouched_or_gone_with_all_in_it(scene: Scene) -> None:
    user = scene.user("ada")
    made: list[Project] = []

    def prepare(stop: int) -> dict[str, Any]:
        made.append(scene.project(user, f"pets {stop}"))
        scene.store.jobs.create(made[-1], {}, 1)
        return asked(scene.store, user, "PATCH", "/upload/project", project_name=made[-1].name)

    def then(survived: bool) -> None:
        if scene.store.projects.get(made[-1].id) == made[-1]:
            assert not survived
            assert len(list(scene.store.images.list_all(made[-1].id))) == 1
            assert len(scene.store.models.list_all(made[-1].id)) == 1
            scene.store.delete_project(made[-1].id)
        nothing_of(scene, made[-1])

    assert scene.until_it_survives(prepare, then) >= 10
    assert scene.steps >= {"findAndModify jobs", "delete projects", "delete images", "delete models", "delete jobs"}


@pytest.mark.story
def test_an_account_whose_deletion_is_stopped_is_there_or_gone_with_all_it_had(scene: Scene) -> None:
    made: list[Project] = []

    def prepare(stop: int) -> dict[str, Any]:
        owner = scene.user(f"ada {stop}")
        made.append(scene.project(owner, f"pets {stop}"))
        return asked(scene.store, owner, "PATCH", "/auth", username=owner.username, password="long enough")

    def then(survived: bool) -> None:
        owner = scene.store.users.get(made[-1].owner_id)
        if owner:
            assert not survived
            assert scene.store.projects.get(made[-1].id) == made[-1]
            scene.store.delete_user(owner.id)
        nothing_of(scene, made[-1])

    assert scene.until_it_survives(prepare, then) >= 10
    assert scene.steps >= {"delete users", "delete tokens", "delete projects", "delete inferences"}


def test_a_merge_of_classes_that_is_stopped_is_carried_out_or_not_and_loses_no_annotation(scene: Scene) -> None:
    user = scene.user("ada")
    made: list[Project] = []

    def prepare(stop: int) -> dict[str, Any]:
        made.append(scene.project(user, f"pets {stop}", images=4, trained=False))
        return asked(scene.store, user, "POST", f"/api/v1/projects/{made[-1].id}/classes/0/merge", into=1)

    def then(survived: bool) -> None:
        project = scene.store.projects.refresh(made[-1])
        named = [image.annotations[0].class_id for image in scene.store.images.list_all(project.id)]
        assert not survived or project.class_ids == (1,)
        assert named == ([1] * 4 if project.class_ids == (1,) else [0, 1, 0, 1])

    scene.until_it_survives(prepare, then)
    assert scene.steps >= {"findAndModify projects", "update images"}


def nothing_of(scene: Scene, project: Project) -> None:
    """Only the neighbour's things are left."""
    for collection in ("images", "models", "jobs", "inferences"):
        assert scene.store.database[collection].count_documents({"project_id": project.id}) == 0
    left = {name: scene.store.database[name].count_documents({}) for name in ("images.files", "artifacts.files")}
    assert left == {"images.files": 1, "artifacts.files": 1}
    assert scene.store.database["job_events"].count_documents({}) == 1


def test_an_import_of_a_table_that_is_stopped_leaves_the_old_table_or_the_new_one(scene: Scene) -> None:
    store, user = scene.store, scene.user("ada")
    project = store.projects.create(user, "rows", "tabular")
    old, new = (csv_of({"a": list(range(20)), "b": [letter] * 20}) for letter in "xy")

    def prepare(_: int) -> dict[str, Any]:
        store.imports.delete_project(project.id)
        import_file(store, project, old)
        record = store.imports.create(project.id, user.id, len(new), "new.csv", ImportOptions().to_row())
        store.imports.append(record, [store.imports.put_piece(0, new)])
        return {"operation": "import"}

    def then(survived: bool) -> None:
        table = store.tables.current(project.id)
        assert table
        rows = list(RowIndex.from_bytes(table.blocks).read(reader_of(store, table), 0, 100))
        assert [row[0] for row in rows] == [str(number) for number in range(20)]
        letters = {row[1] for row in rows}
        assert letters == {"y"} if survived else letters in ({"x"}, {"y"})
        assert store.artifacts.read(table.file.id) == (new if letters == {"y"} else old)
        assert profile_of_table(store, table).rows == 20
        store.imports.delete_project(project.id)  # it runs, and its process is gone

    scene.until_it_survives(prepare, then)
    assert scene.steps >= {"insert artifacts.files", "insert tables", "update tables", "findAndModify imports"}
