"""The class list, a class at a time: annotations stay with their class, and nothing is lost in between."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from datasets.capture import capture
from storage.classes import Classes
from storage.store import Store
from storage.sweeper import sweep
from tests.api.problems import assert_problem
from tests.api.v1.test_projects import URL, make, send
from tests.conftest import Caller, picture

CLASSES = f"{URL}/cells/classes"
BOXES = ("0 .5 .5 .2 .2|0 .3 .3 .1 .1", "1 .5 .5 .2 .2|0 .5 .5 .2 .2", "2 .5 .5 .2 .2", "")


@pytest.fixture
def cells(caller: Caller) -> Caller:
    """A detector of three classes with four images, one of them a background."""
    make(caller, "cells", type="detection", classes=["red", "white", "plate"])
    for number, labels in enumerate(BOXES):
        assert caller.place("cells", f"{number}", labels, picture(seed=number)).status_code == 200
    return caller


def change(caller: Caller, method: str, path: str, **body: Any) -> TestResponse:
    response = send(caller, method, f"{CLASSES}{path}", **body)
    assert response.status_code in (200, 201), response.text
    return response


def listed(caller: Caller) -> list[tuple[int, str, int, int]]:
    shown = send(caller, "GET", CLASSES).json
    assert [item["index"] for item in shown["classes"]] == list(range(len(shown["classes"])))
    return [(item["id"], item["name"], item["images"], item["annotations"]) for item in shown["classes"]]


def labels(caller: Caller, name: str) -> list[str]:
    return caller.call("POST", "/upload/data_point", project_name="cells", data_point_name=name).json["labels"]


def test_the_list_tells_how_often_each_class_is_used(cells: Caller):
    assert listed(cells) == [(0, "red", 2, 3), (1, "white", 1, 1), (2, "plate", 1, 1)]


def test_a_class_is_added_where_it_is_wanted(cells: Caller):
    added = change(cells, "POST", "", name="new", index=1)
    assert added.status_code == 201
    assert (added.json["revision"], added.json["annotations_changed"]) == (1, 0)
    assert added.headers["ETag"] == '"1"'
    change(cells, "POST", "", name="last")
    assert [item[:2] for item in listed(cells)] == [(0, "red"), (3, "new"), (1, "white"), (2, "plate"), (4, "last")]
    assert_problem(send(cells, "POST", CLASSES, name=" new "), 409, "already")
    assert_problem(send(cells, "POST", CLASSES, name="x", index=7), 400, "0..5")
    assert labels(cells, "1")[0].startswith("2 ")


def test_a_new_name_and_a_new_order_touch_no_image(cells: Caller, store: Store):
    before = list(store.database["images"].find())
    change(cells, "PATCH", "/1", name="leucocyte")
    change(cells, "PUT", "/order", class_ids=[2, 1, 0])
    assert [item[:2] for item in listed(cells)] == [(2, "plate"), (1, "leucocyte"), (0, "red")]
    assert labels(cells, "2")[0].startswith("0 ")
    assert list(store.database["images"].find()) == before
    for bad in ([0, 1], [0, 1, 1], [0, 1, 2, 3], [], ["0", "1", "2"]):
        assert_problem(send(cells, "PUT", f"{CLASSES}/order", class_ids=bad), 400, "class_ids")
    assert_problem(send(cells, "PATCH", f"{CLASSES}/1", name="red"), 409, "already")
    assert_problem(send(cells, "PATCH", f"{CLASSES}/9", name="x"), 404)
    assert_problem(send(cells, "PATCH", f"{CLASSES}/x", name="x"), 404)


def test_merging_moves_every_annotation_and_the_class_goes(cells: Caller, store: Store):
    merged = change(cells, "POST", "/0/merge", into=1)
    assert merged.json["annotations_changed"] == 3
    assert listed(cells) == [(1, "white", 2, 4), (2, "plate", 1, 1)]
    assert merged.json["retired"] == []
    assert labels(cells, "0") == ["0 .5 .5 .2 .2", "0 .3 .3 .1 .1"]
    assert labels(cells, "1") == ["0 .5 .5 .2 .2", "0 .5 .5 .2 .2"]  # both boxes stay
    assert store.database["images"].count_documents({"annotations.class_id": 0}) == 0
    assert store.database["images"].find_one({"name": "0"})["revision"] == 2
    assert store.database["images"].find_one({"name": "2"})["revision"] == 1


def test_a_name_that_was_merged_away_is_a_new_class_when_it_comes_back(cells: Caller):
    change(cells, "POST", "/0/merge", into=1)
    change(cells, "POST", "", name="red")
    assert [item[:3] for item in listed(cells)] == [(1, "white", 2), (2, "plate", 1), (3, "red", 0)]


def test_merged_classes_follow_the_one_that_they_went_into(
    cells: Caller, store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(store.class_annotations, "follow", lambda project: 0)  # as if cut short, twice
    change(cells, "POST", "/0/merge", into=1)
    change(cells, "POST", "/1/merge", into=2)
    assert listed(cells) == [(2, "plate", 3, 5)]
    monkeypatch.undo()
    assert sweep(store)["gone_classes"] == 1
    assert listed(cells) == [(2, "plate", 3, 5)]
    assert store.database["images"].count_documents({"annotations.class_id": {"$ne": 2}}) == 1


@pytest.mark.parametrize("into", [0, 7])
def test_a_class_is_merged_into_another_one_of_the_list(cells: Caller, into: int):
    assert_problem(send(cells, "POST", f"{CLASSES}/0/merge", into=into), 400, "into")
    assert_problem(send(cells, "POST", f"{CLASSES}/8/merge", into=1), 404)
    assert len(listed(cells)) == 3


def test_a_merge_that_was_cut_short_reads_as_done_and_is_finished_by_asking_again(
    cells: Caller, store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(store.class_annotations, "follow", lambda project: 0)
    change(cells, "POST", "/0/merge", into=1)
    monkeypatch.undo()
    assert store.database["images"].count_documents({"annotations.class_id": 0}) == 2
    assert labels(cells, "0") == ["0 .5 .5 .2 .2", "0 .3 .3 .1 .1"]
    assert listed(cells) == [(1, "white", 2, 4), (2, "plate", 1, 1)]
    user = store.users.find("ada")
    snapshot = capture(store, store.projects.named("cells", user))
    assert snapshot.unknown == ()
    assert [annotation.class_index for annotation in snapshot.images[0].annotations] == [0, 0]
    assert change(cells, "POST", "/0/merge", into=1).json["annotations_changed"] == 3
    assert store.database["images"].count_documents({"annotations.class_id": 0}) == 0
    assert sweep(store)["gone_classes"] == 0


def test_a_deleted_class_keeps_its_annotations_until_it_comes_back(cells: Caller):
    kept = change(cells, "DELETE", "/0")
    assert kept.json["retired"] == [{"id": 0, "name": "red", "images": 2}]
    assert kept.json["annotations_changed"] == 0
    assert labels(cells, "0")[0].startswith("red ")
    assert_problem(send(cells, "PATCH", f"{CLASSES}/1", name="red"), 409, "merge")
    change(cells, "POST", "", name="red", index=0)
    assert listed(cells)[0] == (0, "red", 2, 3)


def test_a_class_is_deleted_with_its_annotations(cells: Caller, store: Store):
    gone = change(cells, "DELETE", "/0", annotations="delete")
    assert gone.json["annotations_changed"] == 3
    assert gone.json["retired"] == []
    assert listed(cells) == [(1, "white", 1, 1), (2, "plate", 1, 1)]
    assert labels(cells, "0") == []
    assert labels(cells, "1") == ["0 .5 .5 .2 .2"]
    assert store.database["images"].count_documents({}) == 4
    change(cells, "POST", "", name="red")
    assert listed(cells)[-1] == (3, "red", 0, 0)
    assert_problem(send(cells, "DELETE", f"{CLASSES}/9", annotations="delete"), 404)
    assert_problem(send(cells, "DELETE", f"{CLASSES}/1", annotations="burn"), 400, "annotations")


def test_what_waits_can_be_merged_or_deleted_too(cells: Caller):
    change(cells, "DELETE", "/0")
    change(cells, "DELETE", "/2")
    assert change(cells, "POST", "/0/merge", into=1).json["annotations_changed"] == 3
    assert change(cells, "DELETE", "/2", annotations="delete").json["annotations_changed"] == 1
    assert listed(cells) == [(1, "white", 2, 4)]
    assert send(cells, "GET", CLASSES).json["retired"] == []


def test_a_label_of_a_class_that_went_meanwhile_counts_as_what_became_of_it(cells: Caller, store: Store):
    change(cells, "POST", "/0/merge", into=1)
    change(cells, "DELETE", "/2", annotations="delete")
    # As if two images had been labelled by somebody who had read the list before.
    late = [{"class_id": number, "box": [0.5, 0.5, 0.1, 0.1], "by_name": False, "numbers": "x"} for number in (0, 2)]
    store.database["images"].update_one({"name": "3"}, {"$set": {"annotations": late}})
    assert listed(cells) == [(1, "white", 3, 5)]
    assert labels(cells, "3") == ["0 x"]
    assert sweep(store)["gone_classes"] == 1
    assert [item["class_id"] for item in store.database["images"].find_one({"name": "3"})["annotations"]] == [1]


def test_the_classic_list_knows_what_became_of_classes(cells: Caller):
    change(cells, "POST", "/0/merge", into=1)
    cells.call("PUT", "/upload/class_info", project_name="cells", class_info="red|white")
    assert [item[:3] for item in listed(cells)] == [(3, "red", 0), (1, "white", 2)]
    assert send(cells, "GET", CLASSES).json["retired"] == [{"id": 2, "name": "plate", "images": 1}]


def test_a_change_decided_on_an_older_list_is_412_and_changes_nothing(cells: Caller):
    tag = send(cells, "GET", CLASSES).headers["ETag"]
    assert send(cells, "POST", CLASSES, if_match=tag, name="new").status_code == 201
    before = listed(cells)
    for method, path, body in (
        ("POST", "", {"name": "other"}),
        ("PATCH", "/0", {"name": "other"}),
        ("PUT", "/order", {"class_ids": [3, 2, 1, 0]}),
        ("POST", "/0/merge", {"into": 1}),
        ("DELETE", "/0", {"annotations": "delete"}),
        ("DELETE", "/0", {}),
    ):
        assert_problem(send(cells, method, f"{CLASSES}{path}", if_match=tag, **body), 412, "read it again")
    assert listed(cells) == before


def test_a_change_loses_none_that_was_made_at_the_same_time(cells: Caller, store: Store):
    user = store.users.find("ada")
    assert user
    old = store.projects.named("cells", user)
    classes: Classes = store.classes
    classes.add(old, "one")
    classes.rename(old, 0, "two")
    assert classes.add(old, "three").project.classes == ("two", "white", "plate", "one", "three")


def test_in_classification_each_image_is_of_the_class_it_went_into(caller: Caller, store: Store):
    make(caller, "pets", classes=["cat", "kitten", "dog"])
    for number, label in enumerate(("cat", "kitten", "dog", "")):
        caller.place("pets", f"{number}", label, picture(seed=number))
    merged = send(caller, "POST", f"{URL}/pets/classes/1/merge", into=0).json
    assert [item["images"] for item in merged["classes"]] == [2, 1]
    assert merged["annotations_changed"] == 1
    removed = send(caller, "DELETE", f"{URL}/pets/classes/0", annotations="delete").json
    assert removed["annotations_changed"] == 2
    assert send(caller, "GET", f"{URL}/pets").json["counts"] == {"images": 4, "labelled": 1, "unlabelled": 3}
