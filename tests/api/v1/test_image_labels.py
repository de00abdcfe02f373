from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.problems import assert_problem
from tests.api.v1.images import BOX, Api
from tests.conftest import Caller, picture


@pytest.fixture
def cells(client: FlaskClient, caller: Caller) -> Api:
    caller.project("pets", "detection", "red|white|7|small plate")
    api = Api(client, caller)
    assert api.upload(("a.png", picture())).status_code == 201
    return api


@pytest.fixture
def signs(client: FlaskClient, caller: Caller) -> Api:
    caller.project("pets", "classification", "red|white|7")
    api = Api(client, caller)
    assert api.upload(("a.png", picture())).status_code == 201
    return api


def _classic(api: Api) -> list[str]:
    read = api.caller.call("POST", "/upload/data_point", project_name="pets", data_point_name="a.png")
    return read.json["labels"]


def test_labels_are_put_and_read_in_both_contracts(cells: Api):
    labels = [
        {"class": "white", "box": [0.5, 0.25, 0.1, 1e-05]},
        {"class": 0, "box": [1, 0.5, 0.015, 1]},
        {"class_id": 2, "class": "old name", "box": BOX},
        {"class": "small plate", "box": BOX},
    ]
    put = cells.send("PUT", "/a.png/annotations", json={"annotations": labels})
    assert put.status_code == 200, put.text
    assert [(a["class_id"], a["class"]) for a in put.json["annotations"]] == [
        (1, "white"), (0, "red"), (2, "7"), (3, "small plate")
    ]  # fmt: skip
    assert [a["box"] for a in put.json["annotations"]] == [label["box"] for label in labels]
    lines = [
        "white 0.5 0.25 0.1 1e-05",
        "0 1.0 0.5 0.015 1.0",
        "2 0.5 0.5 0.25 0.125",
        "small plate 0.5 0.5 0.25 0.125",
    ]
    assert _classic(cells) == lines
    cells.caller.place("pets", "a.png", "|".join(lines))
    again = cells.get("/a.png")
    assert again["annotations"] == put.json["annotations"]
    back = cells.send("PUT", "/a.png/annotations", json={"annotations": again["annotations"]})
    assert back.json["annotations"] == again["annotations"]


def test_a_class_whose_name_is_a_number_is_written_by_its_index(cells: Api):
    cells.send("PUT", "/a.png/annotations", json={"annotations": [{"class": "7", "box": BOX}]})
    assert _classic(cells) == ["2 0.5 0.5 0.25 0.125"]


def test_no_annotation_is_a_background_and_null_is_nothing(cells: Api):
    for sent, state in (([], "background"), (None, "unlabelled")):
        put = cells.send("PUT", "/a.png/annotations", json={"annotations": sent})
        assert (put.json["label_state"], put.json["labelled"]) == (state, state == "background")
    assert cells.send("PUT", "/a.png/annotations", json={"lines": ""}).json["label_state"] == "background"
    cells.caller.place("pets", "a.png", "")
    assert cells.get("/a.png")["label_state"] == "background"


def test_label_lines_are_taken_as_in_the_classic_contract(cells: Api):
    put = cells.send("PUT", "/a.png/annotations", json={"lines": "0 .5 .5 .1 .1|white 0.5 0.5 0.1 0.1"})
    assert [a["class"] for a in put.json["annotations"]] == ["red", "white"]
    assert _classic(cells) == ["0 .5 .5 .1 .1", "white 0.5 0.5 0.1 0.1"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "one of the two"),
        ({"annotations": [], "lines": ""}, "one of the two"),
        ({"annotations": "red"}, "annotations"),
        ({"annotations": [{"class": "fox", "box": BOX}]}, "annotation 1: class must be one of 'red'"),
        ({"annotations": [{"class": True, "box": BOX}]}, "annotations"),
        ({"annotations": [{"class": "red", "box": [0.9, 0.5, 0.5, 0.5]}]}, "right edge is at 1.15"),
        ({"annotations": [{"class": "red", "box": [0.5, 0.5, 0, 0.5]}]}, "the box has no size"),
        ({"annotations": [{"class": "red", "box": ["0.5", 0.5, 0.5, 0.5]}]}, "box"),
        ({"annotations": [{"class": "red", "box": BOX, "colour": 1}]}, "colour"),
        ({"lines": "0 0.5"}, "line 1"),
    ],
)
def test_labels_that_cannot_be_change_nothing(cells: Api, change: dict[str, Any], words: str):
    assert_problem(cells.send("PUT", "/a.png/annotations", json=change), 400, words)
    assert cells.get("/a.png")["revision"] == 1


def test_an_image_of_a_classification_project_has_one_class_and_no_box(signs: Api):
    put = signs.send("PUT", "/a.png/annotations", json={"annotations": [{"class": "white"}]})
    assert put.json["annotations"] == [{"class_id": 1, "class": "white", "box": None}]
    assert _classic(signs) == ["white"]
    two = {"annotations": [{"class": "white"}, {"class": "red"}]}
    assert_problem(signs.send("PUT", "/a.png/annotations", json=two), 400, "one class, got 2")
    boxed = {"annotations": [{"class": "white", "box": BOX}]}
    assert_problem(signs.send("PUT", "/a.png/annotations", json=boxed), 400, "leave the box out")
    assert signs.send("PUT", "/a.png/annotations", json={"annotations": []}).json["label_state"] == "unlabelled"


def test_a_label_of_a_class_that_has_gone_waits_and_cannot_be_given_anew(signs: Api):
    signs.send("PUT", "/a.png/annotations", json={"annotations": [{"class": "white"}]})
    signs.caller.call("PUT", "/upload/class_info", project_name="pets", class_info="red|7")
    image = signs.get("/a.png")
    assert (image["label_state"], image["annotations"][0]["class"]) == ("waiting", "white")
    back = signs.send("PUT", "/a.png/annotations", json={"annotations": image["annotations"]})
    assert_problem(back, 400, "the class 'white' has left the class list")


@pytest.mark.parametrize("path", ["/a.png", "/a.png/annotations"])
def test_who_has_not_seen_the_last_change_overwrites_nothing(cells: Api, path: str):
    change: tuple[str, dict[str, Any]] = (
        ("PUT", {"annotations": []}) if "annotations" in path else ("PATCH", {"tags": []})
    )
    method, body = change
    first = cells.send(method, path, json=body, headers={"If-Match": '"1"'})
    assert (first.status_code, first.headers["ETag"]) == (200, '"2"')
    assert_problem(cells.send(method, path, json=body, headers={"If-Match": '"1"'}), 412, "changed since you read it")
    assert_problem(cells.send(method, path, json=body, headers={"If-Match": "abc"}), 400, "If-Match")
    assert cells.get("/a.png")["revision"] == 2


def test_name_split_and_tags_are_changed_and_what_is_left_out_stays(cells: Api):
    cells.upload(("b.png", picture()))
    changed = cells.send("PATCH", "/a.png", json={"name": "c.png", "split": "test", "tags": ["b", "a", "b"]}).json
    assert (changed["name"], changed["split"], changed["tags"]) == ("c.png", "test", ["a", "b"])
    assert cells.names(tag="a", split="test") == ["c.png"]
    changed = cells.send("PATCH", "/c.png", json={"split": None}).json
    assert (changed["split"], changed["tags"]) == ("auto", ["a", "b"])
    assert cells.send("PATCH", "/c.png", json={"tags": None}).json["tags"] == []
    assert_problem(cells.send("PATCH", "/c.png", json={"name": "b.png"}), 409, "there is an image 'b.png' already")
    assert_problem(cells.send("PATCH", "/c.png", json={"name": None}), 400, "needs one")
    assert_problem(cells.send("PATCH", "/c.png", json={"name": "a/b"}), 400, "name")
    assert_problem(cells.send("PATCH", "/c.png", json={}), 400, "nothing to change")
    assert_problem(
        cells.send("PATCH", "/c.png", json={"tags": [str(number) for number in range(101)]}), 400, "100 tags"
    )
