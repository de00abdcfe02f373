"""Which version answers, and what a publication says."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

import pytest

from storage.models import Model
from storage.projects import Project
from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import assert_problem
from tests.api.v1.test_versions import ask
from tests.conftest import Caller, encoded, picture
from tests.inference.models import store_brightness_model
from training.worker.supervisor import hand_over
from utils import Conflict

PROJECT = "/api/v1/projects/pets"


@pytest.fixture
def versions(caller: Caller, store: Store) -> list[Model]:
    """Two model versions of Ada's project `pets`; the second answers."""
    caller.project("pets", classes="bright|dark")
    caller.place("pets", "one.png", "bright", picture(seed=1))
    user = store.users.find("ada")
    assert user
    project = store.projects.named("pets", user)
    return [store_brightness_model(store, project) for _ in range(2)]


def now(store: Store, model: Model) -> Project:
    project = store.projects.get(model.project_id)
    assert project
    return project


def trained_again(store: Store, project: Project) -> int:
    """A further training, by the steps of a worker; gives its version."""
    store.jobs.create(project, {}, 1)
    job = store.job_runs.claim("test")
    assert job
    model = store.models.create(project.id, job.id, {}, {})
    assert store.job_runs.succeed(job, model.id)
    hand_over(store, job, model)
    return model.version


def test_versions_are_listed_and_one_of_them_answers(caller: Caller, store: Store, versions: list[Model]):
    items = ask(caller, "GET", f"{PROJECT}/models").json["items"]
    assert [(item["version"], item["serving"], item["published"]) for item in items] == [
        (2, True, False),
        (1, False, False),
    ]
    assert ask(caller, "GET", items[0]["card_url"]).json == versions[1].card
    first = ask(caller, "GET", f"{PROJECT}/models", limit=1).json
    assert ask(caller, "GET", f"{PROJECT}/models", cursor=first["next"]).json["items"] == items[1:]


def test_another_version_answers_and_the_way_back(caller: Caller, store: Store, versions: list[Model]):
    shown = ask(caller, "POST", f"{PROJECT}/promote", version=1).json
    assert shown["model"] == {"id": str(versions[0].id), "version": 1}
    assert [(entry["version"], entry["by"]) for entry in shown["history"]] == [(1, "ada"), (2, None), (1, None)]
    for version in (2, 1):
        assert ask(caller, "POST", f"{PROJECT}/rollback").json["model"]["version"] == version
    assert_problem(ask(caller, "POST", f"{PROJECT}/promote", version=9), 404, "no model version 9")
    assert trained_again(store, now(store, versions[0])) == 3
    assert now(store, versions[0]).model_version == 3


def test_no_request_fails_while_versions_change(caller: Caller, other: Caller, store: Store, versions: list[Model]):
    ask(caller, "PUT", f"{PROJECT}/publication")
    image, done, answers = encoded(picture()), threading.Event(), []

    def predict() -> None:
        while not done.is_set():
            answers.append(ask(other, "POST", "/api/v1/published/pets/predict", image=image))

    thread = threading.Thread(target=predict)
    thread.start()
    for turn in range(10):
        assert ask(caller, "POST", f"{PROJECT}/promote", version=1 + turn % 2).status_code == 200
    done.set()
    thread.join()
    assert {answer.status_code for answer in answers} == {200}
    ask(caller, "POST", f"{PROJECT}/promote", version=1)
    answer = ask(other, "POST", "/api/v1/published/pets/predict", image=image)
    assert answer.json["model"]["version"] == 1


def test_a_version_is_deleted_unless_it_answers(caller: Caller, store: Store, versions: list[Model]):
    assert_problem(ask(caller, "DELETE", f"/api/v1/models/{versions[1].id}"), 409, "version 2 answers")
    assert ask(caller, "DELETE", f"/api/v1/models/{versions[0].id}").status_code == 204
    assert_problem(ask(caller, "GET", f"/api/v1/models/{versions[0].id}"), 404)
    job = store.jobs.get(versions[0].job_id)
    assert (job.model_id, job.model_deleted) == (None, True)
    assert not store.artifacts.lengths([file.file_id for file in versions[0].files.values()])
    assert_problem(ask(caller, "POST", f"{PROJECT}/rollback"), 409, "no other version")


def test_a_version_deleted_and_chosen_at_once_is_one_of_both(caller: Caller, store: Store, versions: list[Model]):
    older, newer = versions
    for _ in range(10):
        model = store_brightness_model(store, now(store, older))
        store.serving.promote(now(store, older), newer, "ada")
        outcomes: list[str] = []

        def attempt(step: Callable[[], object], told: str, outcomes: list[str] = outcomes) -> None:
            try:
                step()
                outcomes.append(told)
            except Conflict:
                pass

        project = now(store, older)
        steps = [
            threading.Thread(target=attempt, args=(lambda m=model: store.serving.delete(m), "deleted")),
            threading.Thread(
                target=attempt, args=(lambda p=project, m=model: store.serving.promote(p, m, "ada"), "chosen")
            ),
        ]
        for step in steps:
            step.start()
        for step in steps:
            step.join()
        there = model.id in store.models.existing([model.id])
        assert outcomes != ["deleted", "chosen"]
        assert there or now(store, older).model_id != model.id
        assert there == bool(store.jobs.succeeded_models([model.id]))


def test_a_publication_pins_a_version_until_it_is_told_otherwise(
    caller: Caller, other: Caller, store: Store, versions: list[Model]
):
    assert ask(caller, "GET", f"{PROJECT}/publication").json["published"] is False
    words = {"description": "Bright or dark?", "licence": "cc-by-4.0", "example_image": "one.png"}
    shown = ask(caller, "PUT", f"{PROJECT}/publication", version=1, **words).json
    assert (shown["published"], shown["version"], shown["model"]["version"]) == (True, 1, 1)
    assert (shown["licence"], shown["licence_is_spdx"], shown["example_image"]["name"]) == (
        "CC-BY-4.0",
        True,
        "one.png",
    )
    assert ask(other, "GET", f"/api/v1/models/{versions[0].id}").status_code == 200
    assert_problem(ask(other, "GET", f"/api/v1/models/{versions[1].id}"), 404)
    trained_again(store, now(store, versions[0]))
    assert now(store, versions[0]).model_version == 1
    assert_problem(ask(caller, "POST", f"{PROJECT}/promote", version=2), 409, "pins version 1")
    assert_problem(ask(caller, "DELETE", f"/api/v1/models/{versions[0].id}"), 409)
    again = ask(caller, "PUT", f"{PROJECT}/publication", **words).json
    assert (again["version"], again["published_at"]) == (None, shown["published_at"])
    version = trained_again(store, now(store, versions[0]))
    assert now(store, versions[0]).model_version == version
    assert ask(caller, "DELETE", f"{PROJECT}/publication").status_code == 204
    left = ask(caller, "GET", f"{PROJECT}/publication").json
    assert (left["published"], left["published_at"], left["licence"]) == (False, None, "CC-BY-4.0")
    assert caller.call("PUT", "/publish", project_name="pets", is_published="true").status_code == 200
    assert ask(caller, "GET", f"{PROJECT}/publication").json["description"] == words["description"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"licence": "MITT"}, "did you mean MIT"),
        ({"licence": "x" * 2001}, "licence"),
        ({"version": "newest"}, "version"),
        ({"description": 5}, "description"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_publication_that_is_not_understood_is_400(caller: Caller, pets: Pets, body: dict, word: str):
    assert_problem(ask(caller, "PUT", f"{PROJECT}/publication", **body), 400, word)


def test_a_publication_needs_a_model_and_an_image_that_are_there(caller: Caller, pets: Pets):
    assert_problem(ask(caller, "PUT", f"{PROJECT}/publication", example_image="none.png"), 404, "none.png")
    assert_problem(ask(caller, "PUT", f"{PROJECT}/publication", version=9), 404, "no model version 9")
    assert_problem(ask(caller, "PUT", f"{PROJECT}/publication", version=1), 409, "has not ended")
    caller.project("empty")
    assert_problem(ask(caller, "PUT", "/api/v1/projects/empty/publication"), 409, "no trained model")


def test_two_versions_are_compared(caller: Caller, store: Store, pets: Pets):
    def made(**card: object) -> Model:
        file = store.artifacts.put(io.BytesIO(b"x"), "model.onnx")
        return store.models.create(pets.project.id, pets.job.id, card, {"model.onnx": file})

    scores = [{"accuracy": value, "val_loss": value, "classes": {"cat": {"f1": 0.5}}} for value in (0.5, 0.75)]
    for score, epochs in zip(scores, (3, 5), strict=True):
        made(metrics=score, params={"epochs": epochs, "seed": 1}, dataset={"digest": "d", "version": 1})
    shown = ask(caller, "GET", f"{PROJECT}/models/compare", a=2, b=3).json
    assert shown["metrics"] == [
        {"name": "accuracy", "a": 0.5, "b": 0.75, "difference": 0.25, "better": 3},
        {"name": "val_loss", "a": 0.5, "b": 0.75, "difference": 0.25, "better": 2},
        {"name": "classes.cat.f1", "a": 0.5, "b": 0.5, "difference": 0.0, "better": None},
    ]
    assert shown["params"] == [{"name": "epochs", "a": 3, "b": 5}]
    assert shown["data"]["same"] is True
    assert shown["data"]["common_images"] is None
    assert_problem(ask(caller, "GET", f"{PROJECT}/models/compare", a=2), 400, "b is missing")
    assert_problem(ask(caller, "GET", f"{PROJECT}/models/compare", a=2, b=9), 404)
