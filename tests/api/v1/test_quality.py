"""Duplicates, readiness, validation images and the review of labels, over HTTP."""

from __future__ import annotations

import io

import pytest
from werkzeug.test import TestResponse

from datasets.judgements import FILE, Judgements, judged_class
from datasets.snapshot import Annotation, Dataset, Sample
from storage.store import Store
from tests.api.conftest import CARD, Pets
from tests.api.problems import assert_problem
from tests.conftest import Caller, picture
from tests.datasets.pictures import changed, saved, scene

P = "/api/v1/projects/pets"


def _get(caller: Caller, path: str, **query: object) -> TestResponse:
    return caller._client.get(path, query_string=query, headers={"Authorization": f"Bearer {caller.token}"})


def validated(store: Store, pets: Pets, predicted: dict[str, float]) -> None:
    """Let the job of `pets` succeed with a model that predicts the label of each image with this probability."""
    project = store.projects.get(pets.project.id)
    assert project
    images = {image.name: image for image in store.images.list_all(project.id)}
    rows = []
    for name, probability in predicted.items():
        image = images[name]
        given = project.class_ids.index(image.annotations[0].class_id)
        odds = [probability if index == given else 1 - probability for index in range(2)]
        rows.append(judged_class(Sample(None, 1, 1, (Annotation(given),), name, image.sha256), odds))
    dataset = Dataset("classification", project.classes, (), (), "", class_ids=project.class_ids)
    file = store.artifacts.put(io.BytesIO(Judgements.of(dataset, rows).to_bytes()), FILE)
    running = store.job_runs.claim("test")
    assert running
    model = store.models.create(project.id, running.id, CARD, {FILE: file})
    assert store.job_runs.succeed(running, model.id)


def test_duplicates_are_listed_with_how_far_they_are_apart(caller: Caller, pets: Pets):
    caller.place("pets", "a.png", "cat", saved(scene(1)))
    caller.place("pets", "b.jpg", "cat", changed(scene(1))["poor JPEG"])
    caller.place("pets", "again.png", "cat", picture(seed=1))
    answer = _get(caller, f"{P}/duplicates").json
    assert [([i["name"] for i in item["images"]], item["exact"]) for item in answer["items"]] == [
        (["a.png", "b.jpg"], False),
        (["again.png", "one.png"], True),
    ]
    assert (answer["clusters"], answer["unseen"], answer["complete"], answer["next"]) == (2, 0, True, None)
    first = answer["items"][0]["images"][0]
    assert (first["distance"], first["split"], len(first["id"])) == (0, None, 24)
    nothing_but_equal = _get(caller, f"{P}/duplicates", distance=0).json
    assert "again.png" in [image["name"] for item in nothing_but_equal["items"] for image in item["images"]]


def test_images_of_an_earlier_version_are_looked_at_when_duplicates_are_asked_for(
    caller: Caller, pets: Pets, store: Store, monkeypatch: pytest.MonkeyPatch
):
    caller.place("pets", "a.png", "cat", saved(scene(1)))
    caller.place("pets", "b.jpg", "cat", changed(scene(1))["poor JPEG"])
    store.database["images"].update_many({}, {"$unset": {"perceptual_hash": "", "thumbnail": ""}})
    monkeypatch.setattr("api.v1.duplicates._MOST_LOOKED_AT", 1)
    assert [_get(caller, f"{P}/duplicates").json["unseen"] for _ in range(4)] == [3, 2, 1, 0]
    assert _get(caller, f"{P}/duplicates").json["clusters"] == 1


@pytest.mark.parametrize("distance", [-1, 17, "x", 1.5, "true"])
def test_a_distance_out_of_bounds_is_refused(caller: Caller, pets: Pets, distance: object):
    assert_problem(_get(caller, f"{P}/duplicates", distance=distance), 400, "distance")


def test_a_project_too_large_to_compare_is_told_so(caller: Caller, pets: Pets, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.v1.duplicates.MOST_IMAGES", 1)
    assert_problem(_get(caller, f"{P}/duplicates"), 409, "2 images", "at most 1")


def test_readiness_tells_reasons_and_warnings_apart(caller: Caller, pets: Pets):
    answer = _get(caller, f"{P}/readiness").json
    assert (answer["ready"], answer["reasons"]) == (True, [])
    assert [warning["code"] for warning in answer["warnings"]] == ["few_images"]
    caller.place("pets", "bare.png", "", picture(seed=9))
    answer = _get(caller, f"{P}/readiness").json
    assert answer["ready"] is False
    assert answer["reasons"] == [
        {"code": "unlabelled", "message": "1 image has no label: 'bare.png'", "images": ["bare.png"], "count": 1}
    ]
    refused = caller.call("PUT", "/train", project_name="pets", train_split=0.8, epochs=1)
    assert_problem(refused, 400, "1 image has no label: 'bare.png'")


def test_a_class_of_which_nothing_is_trained_on_keeps_a_training_from_starting(
    caller: Caller, pets: Pets, store: Store
):
    store.database["images"].update_one({"name": "other.png"}, {"$set": {"split": "test"}})
    [reason] = _get(caller, f"{P}/readiness").json["reasons"]
    assert reason["code"] == "class_not_trained"
    assert "class 'dog' is only in images whose split is fixed to val or test" in reason["message"]


def test_validation_images_are_listed_in_any_order_page_by_page(caller: Caller, pets: Pets, store: Store):
    for number in range(5):
        caller.place("pets", f"{number}.png", "cat", picture(seed=20 + number))
    odds = {"0.png": 0.9, "1.png": 0.2, "2.png": 0.7, "3.png": 0.1, "4.png": 0.7}
    validated(store, pets, odds)
    path = f"/api/v1/jobs/{pets.job.id}/validation"

    def walk(**query: object) -> list[str]:
        names, cursor = [], None
        for _ in range(5):
            answer = _get(caller, path, **query, limit=2, **({"cursor": cursor} if cursor else {})).json
            names += [item["name"] for item in answer["items"]]
            cursor = answer["next"]
            if cursor is None:
                break
        return names

    assert walk()[:2] == ["3.png", "1.png"]
    assert sorted(walk()) == sorted(odds)
    assert walk(sort="best")[0] == "0.png"
    assert walk(sort="name") == sorted(odds)
    worst = _get(caller, path).json
    assert (worst["held_back"], worst["judged"]) == (True, 5)
    first = worst["items"][0]
    assert first["labels"] == [{"class": "cat", "box": None}]
    assert first["predictions"][0] == {"class": "dog", "box": None, "confidence": 0.9}
    assert first["score"] == pytest.approx(0.9)
    cursor = _get(caller, path, limit=1, sort="name").json["next"]
    assert_problem(_get(caller, path, cursor=cursor), 400, "cursor")
    assert_problem(_get(caller, path, sort="size"), 400, "sort")


def test_a_job_that_has_kept_no_judgement_has_no_validation(caller: Caller, pets: Pets, store: Store):
    path = f"/api/v1/jobs/{pets.job.id}/validation"
    assert_problem(_get(caller, path), 404, "has no model")
    running = store.job_runs.claim("test")
    assert running
    assert store.job_runs.succeed(running, pets.model.id)
    assert_problem(_get(caller, path), 404, "has not kept")


def test_labels_that_predictions_contradict_are_listed_until_they_are_changed(caller: Caller, pets: Pets, store: Store):
    assert _get(caller, f"{P}/label-review").json == {"items": [], "next": None, "trainings": 0}
    for number in range(3):
        caller.place("pets", f"{number}.png", "cat", picture(seed=20 + number))
    validated(store, pets, {"0.png": 0.9, "1.png": 0.05, "2.png": 0.01, "one.png": 0.8, "other.png": 0.9})
    answer = _get(caller, f"{P}/label-review").json
    assert [item["image"]["name"] for item in answer["items"]] == ["2.png", "1.png"]
    assert answer["trainings"] == 1
    first = answer["items"][0]
    assert first["given"] == {"class": "cat", "box": None}
    assert first["predicted"] == {"class": "dog", "box": None, "confidence": 0.99}
    assert (first["reason"], first["job_id"], first["doubts"]) == ("other_class", str(pets.job.id), 1)
    page = _get(caller, f"{P}/label-review", limit=1).json
    rest = _get(caller, f"{P}/label-review", limit=1, cursor=page["next"]).json
    assert [item["image"]["name"] for item in rest["items"]] == ["1.png"]
    caller.place("pets", "2.png", "dog", picture(seed=22))
    assert [item["image"]["name"] for item in _get(caller, f"{P}/label-review").json["items"]] == ["1.png"]
