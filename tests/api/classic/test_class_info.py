from __future__ import annotations

import pytest

from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import assert_problem
from tests.conftest import Caller


def _classes(caller: Caller, project: str = "pets") -> list[str]:
    return caller.call("POST", "/upload/class_info", project_name=project).json["class_list"]


def _labels(caller: Caller, name: str) -> list[str]:
    return caller.call("POST", "/upload/data_point", project_name="pets", data_point_name=name).json["labels"]


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_classes_are_placed_with_put_or_post_and_read_with_post(caller: Caller, method: str):
    caller.project("pets")
    assert caller.call("POST", "/upload/class_info", project_name="pets").json == {"class_list": []}
    placed = caller.call(method, "/upload/class_info", project_name="pets", class_info="apple| banana |cherry")
    assert placed.json == {"Status": "Classes Added."}
    assert caller.call("POST", "/upload/class_info", project_name="pets").json == {
        "class_list": ["apple", "banana", "cherry"]
    }


def test_placing_again_replaces_the_list(caller: Caller):
    caller.project("pets", classes="cat|dog")
    caller.call("PUT", "/upload/class_info", project_name="pets", class_info="fox")
    assert _classes(caller) == ["fox"]


def test_deleting_empties_the_list(caller: Caller):
    caller.project("pets", classes="cat|dog")
    deleted = caller.call("PATCH", "/upload/class_info", project_name="pets")
    assert deleted.json == {"Status": "Successful deletion"}
    assert _classes(caller) == []


ODD_NAMES = [
    '5" nail', "\\", "yes", "null", "a: b", "{x}", "- item", "#5", "%s", "$ne", "a.b", "../x", "!!python/object:x", "'",
    "кошка", "猫", "قطة", "می‌خواهم", "👩‍🔬", "1", "0.5", "x" * 100, "<b>", "~", "NaN", "a,b", "a  b",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_class_names_round_trip(caller: Caller, name: str):
    caller.project("pets")
    placed = caller.call("PUT", "/upload/class_info", project_name="pets", class_info=f"first|{name}|last")
    assert placed.status_code == 200, placed.text
    assert _classes(caller) == ["first", name, "last"]


@pytest.mark.parametrize(
    ("class_info", "words"),
    [
        ("cat|cat", "named twice"),
        ("cat| cat ", "named twice"),
        ("Zo\u00eb|Zoe\u0308", "named twice"),
        ("", "class 1 has no name"),
        ("cat||dog", "class 2 has no name"),
        ("cat|", "class 2 has no name"),
        ("|", "class 1 has no name"),
        ("cat\ndownload: evil", "U+000A"),
        ("cat\r\ndog", "U+000D"),
        ("a\u2028b", "U+2028"),
        ("a\u0085b", "U+0085"),
        ("a\0b", "U+0000"),
        ("a\x1bb", "U+001B"),
        ("x" * 101, "101 characters"),
        ("|".join(str(i) for i in range(1001)), "at most 1000 classes, got 1001"),
        ("|" * 5_000_000, "allowed are"),
        (None, "class_info"),
        (["cat", "dog"], "class_info: must be a string"),
        ({"$ne": None}, "class_info: must be a string"),
        (7, "class_info: must be a string"),
        (True, "class_info: must be a string"),
    ],
)
def test_an_unusable_class_list_is_400_and_the_old_one_stays(caller: Caller, class_info: object, words: str):
    caller.project("pets", classes="cat|dog")
    response = caller._client.put(
        "/upload/class_info", json={"api_token": caller.token, "project_name": "pets", "class_info": class_info}
    )
    assert_problem(response, 400, words)
    assert _classes(caller) == ["cat", "dog"]


def test_a_thousand_classes_are_allowed(caller: Caller):
    names = [f"class {number:03}" for number in range(1000)]
    caller.project("pets", classes="|".join(names))
    assert _classes(caller) == names


def test_anothers_classes_are_403_and_no_projects_404(caller: Caller, other: Caller):
    caller.project("pets", classes="cat")
    for method, more in (("PUT", {"class_info": "x"}), ("POST", {"class_info": "x"}), ("POST", {}), ("PATCH", {})):
        assert_problem(other.call(method, "/upload/class_info", project_name="pets", **more), 403)
        assert_problem(caller.call(method, "/upload/class_info", project_name="dogs", **more), 404)
    assert _classes(caller) == ["cat"]


def test_labels_show_the_new_index_of_a_class_when_the_list_is_reordered(caller: Caller):
    caller.project("pets", classes="cat|dog")
    caller.place("pets", "by index", "0")
    caller.place("pets", "by name", "cat")
    caller.call("PUT", "/upload/class_info", project_name="pets", class_info="ant|dog|cat")
    assert _labels(caller, "by index") == ["2"]
    assert _labels(caller, "by name") == ["cat"]


def test_labels_name_a_class_that_left_the_list_until_it_comes_back(caller: Caller):
    caller.project("pets", classes="cat|dog")
    caller.place("pets", "a", "0")
    caller.call("PUT", "/upload/class_info", project_name="pets", class_info="dog|fox")
    assert _labels(caller, "a") == ["cat"]
    caller.call("PATCH", "/upload/class_info", project_name="pets")
    assert _labels(caller, "a") == ["cat"]
    caller.call("PUT", "/upload/class_info", project_name="pets", class_info="fox|cat")
    assert _labels(caller, "a") == ["1"]


def test_training_asks_for_a_removed_class_by_name(caller: Caller):
    caller.project("pets", classes="cat|dog|fox")
    for label in ("cat", "dog", "fox"):
        caller.place("pets", label, label)
    caller.call("PUT", "/upload/class_info", project_name="pets", class_info="cat|dog")
    response = caller.call("PUT", "/train", project_name="pets", train_split=0.8, epochs=1)
    assert_problem(response, 400, "'fox'", "no longer has")
    analysis = caller.call("POST", "/data_analysis", project_name="pets").json
    assert analysis["annotations_of_removed_classes"] == {"fox": 1}


def test_a_name_that_is_new_never_takes_over_a_removed_classes_annotations(caller: Caller):
    caller.project("pets", classes="cat|dog")
    caller.place("pets", "a", "1")
    caller.call("PUT", "/upload/class_info", project_name="pets", class_info="cat|wolf")
    assert _labels(caller, "a") == ["dog"]
    assert caller.call("POST", "/data_analysis", project_name="pets").json["annotations_per_class"] == {
        "cat": 0,
        "wolf": 0,
    }


def test_more_removed_classes_than_can_be_remembered_are_400(
    caller: Caller, pets: Pets, monkeypatch: pytest.MonkeyPatch, store: Store
):
    monkeypatch.setattr("storage.class_list.MOST_RETIRED", 3)
    for start in range(2):
        names = "|".join(f"c{start}{i}" for i in range(2))
        response = caller.call("PUT", "/upload/class_info", project_name="pets", class_info=names)
    assert_problem(response, 400, "more than 3 classes have left the list")
    assert _labels(caller, "one.png") == ["cat"]
