from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from storage.store import Store
from tests.api.problems import assert_problem
from tests.api.v1.images import BOX, Api
from tests.conftest import Caller, picture


@pytest.fixture
def pets(client: FlaskClient, caller: Caller) -> Api:
    """Two of cats, one of a cat and a dog, one background, one that nobody has looked at, one that waits."""
    caller.project("pets", "detection", "cat|dog|7|gone")
    api = Api(client, caller)
    cat, dog, gone = ({"class": name, "box": BOX} for name in ("cat", "dog", "gone"))
    labels = {"a1.png": [cat], "a2.png": [cat], "Both.png": [cat, dog], "empty.png": [], "waits.png": [gone]}
    sizes = {"a1.png": 10, "a2.png": 20, "Both.png": 30, "empty.png": 40, "new.png": 50, "waits.png": 60}
    files = [(name, picture(side, 12, seed=side)) for name, side in sizes.items()]
    assert (
        api.upload(*files[:3], annotations={n: labels[n] for n in list(labels)[:3]}, split="train").status_code == 201
    )
    rest = {n: labels[n] for n in list(labels)[3:]}
    assert api.upload(*files[3:], annotations=rest, tags="odd,über").status_code == 201
    caller.call("PUT", "/upload/class_info", project_name="pets", class_info="cat|dog|7")
    return api


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["Both.png", "a1.png", "a2.png", "empty.png", "new.png", "waits.png"]),
        ({"class": "cat"}, ["Both.png", "a1.png", "a2.png"]),
        ({"class": "0"}, ["Both.png", "a1.png", "a2.png"]),
        ({"class": ["dog", "gone"]}, ["Both.png", "waits.png"]),
        ({"class": "7"}, []),
        ({"labelled": "true"}, ["Both.png", "a1.png", "a2.png", "empty.png", "waits.png"]),
        ({"labelled": "false"}, ["new.png"]),
        ({"labelled": "background"}, ["empty.png"]),
        ({"labelled": "waiting"}, ["waits.png"]),
        ({"split": "train"}, ["Both.png", "a1.png", "a2.png"]),
        ({"split": "auto", "tag": "odd", "labelled": "false"}, ["new.png"]),
        ({"tag": "über"}, ["empty.png", "new.png", "waits.png"]),
        ({"tag": "od"}, []),
        ({"name": "a"}, ["a1.png", "a2.png"]),
        ({"name": "a", "class": "cat", "min_width": 15}, ["a2.png"]),
        ({"q": "BOTH"}, ["Both.png"]),
        ({"q": ".png"}, ["Both.png", "a1.png", "a2.png", "empty.png", "new.png", "waits.png"]),
        ({"q": "a.png"}, []),
        ({"q": "e", "min_width": 40, "max_width": 50}, ["empty.png", "new.png"]),
        ({"max_height": 11}, []),
    ],
)
@pytest.mark.parametrize("sort", ["name", "-name", "created_at", "-created_at", "size", "-size"])
def test_a_list_holds_what_the_filter_matches_in_the_order_asked_for_page_by_page(
    pets: Api, query: dict[str, Any], names: list[str], sort: str
):
    found: list[str] = []
    page: dict[str, Any] = {"next": ""}
    keys: list[Any] = []
    while page["next"] is not None:
        cursor = {"cursor": page["next"]} if page["next"] else {}
        page = pets.get(**query, **cursor, sort=sort, limit=2)
        found += [image["name"] for image in page["items"]]
        keys += [(image[sort.removeprefix("-")], image["id"]) for image in page["items"]]
    assert sorted(found) == names
    assert keys == sorted(keys, reverse=sort.startswith("-"))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"class": "fox"}, "no 'fox'"),
        ({"split": "half"}, "split"),
        ({"sort": "width"}, "sort"),
        ({"limit": 0}, "limit must be 1..100"),
        ({"sha256": "abc"}, "sha256"),
        ({"min_size": -1}, "min_size"),
        ({"cursor": "x"}, "cursor"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_list_that_cannot_be_is_refused_in_words(pets: Api, query: dict[str, Any], words: str):
    assert_problem(pets.send("GET", query_string=query), 400, words)


def test_images_are_found_by_their_content(pets: Api):
    image = pets.get("/a1.png")
    assert pets.names(sha256=image["sha256"]) == ["a1.png"]
    assert pets.names(sha256=image["sha256"], split="val") == []


def test_counts_tell_what_is_labelled(pets: Api, store: Store):
    user = store.users.find("ada")
    assert user
    project = store.projects.named("pets", user)
    counts = store.image_queries.counts(project.id)
    assert (counts.images, counts.labelled, counts.unlabelled) == (6, 5, 1)
    assert store.image_queries.class_counts(project.id, project.class_ids) == {0: 3, 1: 1, 2: 0}


@pytest.mark.parametrize(
    ("action", "value", "query", "names"),
    [
        ("split", "test", {"split": "test"}, ["Both.png", "a1.png", "a2.png"]),
        ("split", "auto", {"split": "train"}, []),
        ("tag", "$good", {"tag": "$good"}, ["Both.png", "a1.png", "a2.png"]),
        ("annotate", [{"class": "7", "box": BOX}], {"class": "7"}, ["Both.png", "a1.png", "a2.png"]),
        ("annotate", "dog 0.5 0.5 0.1 0.1", {"class": "dog"}, ["Both.png", "a1.png", "a2.png"]),
        ("annotate", None, {"labelled": "false"}, ["Both.png", "a1.png", "a2.png", "new.png"]),
        ("delete", None, {}, ["empty.png", "new.png", "waits.png"]),
    ],
)
def test_many_images_are_changed_at_once(
    pets: Api, store: Store, action: str, value: Any, query: dict[str, Any], names: list[str]
):
    change = {"select": {"filter": {"class": ["cat"]}}, "action": action, "value": value}
    answer = pets.send("POST", "/bulk", json=change)
    assert answer.json == {"matched": 3, "changed": 3, "more": False}, answer.text
    assert pets.names(**query) == names
    assert store.database["images.files"].count_documents({}) == len(pets.names())


def test_what_is_so_already_is_not_changed(pets: Api):
    ids = [pets.get(f"/{name}")["id"] for name in ("a1.png", "empty.png")]
    for action, value, changed in (("split", "train", 1), ("tag", "odd", 1), ("untag", "odd", 2), ("untag", "odd", 0)):
        answer = pets.send("POST", "/bulk", json={"select": {"ids": ids}, "action": action, "value": value})
        assert answer.json == {"matched": 2, "changed": changed, "more": False}
    assert pets.names(tag="odd") == ["new.png", "waits.png"]
    assert pets.get("/a1.png")["revision"] == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"select": {}, "action": "delete"}, "send `ids`, or `filter`"),
        ({"select": {"ids": [], "filter": {}}, "action": "delete"}, "one of the two"),
        ({"select": {"filter": {}}, "action": "split", "value": "half"}, "value"),
        ({"select": {"filter": {}}, "action": "tag", "value": ""}, "value"),
        ({"select": {"filter": {}}, "action": "annotate", "value": "fox 0.5 0.5 1 1"}, "'fox'"),
        ({"select": {"filter": {"class": "fox"}}, "action": "delete"}, "no 'fox'"),
        ({"select": {"filter": {"all": 1}}, "action": "delete"}, "all"),
        ({"action": "delete"}, "select is missing"),
    ],
)
def test_a_change_of_many_that_cannot_be_changes_nothing(pets: Api, change: dict[str, Any], words: str):
    assert_problem(pets.send("POST", "/bulk", json=change), 400, words)
    assert len(pets.names()) == 6


def test_images_of_another_project_are_not_touched(pets: Api, caller: Caller, store: Store):
    caller.project("other", "detection", "cat")
    caller.place("other", "x.png", "")
    other = store.database["images"].find_one({"name": "x.png"})
    assert other
    answer = pets.send("POST", "/bulk", json={"select": {"ids": [str(other["_id"])]}, "action": "delete"})
    assert answer.json == {"matched": 0, "changed": 0, "more": False}
    assert_problem(pets.send("GET", f"/{other['_id']}"), 404)


def test_the_analysis_is_that_of_the_classic_contract(pets: Api, caller: Caller):
    classic = caller.call("POST", "/data_analysis", project_name="pets").json
    analysis = pets.analysis()
    assert analysis == {name: classic[name] for name in analysis}
    assert analysis["image_count"] == 6
