"""Labels that are none: each line that is wrong is named, and nothing is stored."""

from __future__ import annotations

import time

import pytest

from storage.store import Store
from tests.api.problems import assert_problem
from tests.conftest import Caller


@pytest.fixture
def cells(caller: Caller) -> Caller:
    """Ada with a detection project `cells` of three classes."""
    caller.project("cells", "detection", "red|white|small plate")
    return caller


def _read(caller: Caller, project: str) -> list[str]:
    return caller.call("POST", "/upload/data_point", project_name=project, data_point_name="a").json["labels"]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("0 0.5 0.5 0.1", "got 4 values"),
        ("0 0.5 0.5 0.1 0.1 0.9", "got 6 values"),
        ("0", "got 1 value"),
        ("red", "got 1 value"),
        ("3 0.5 0.5 0.1 0.1", "class index must be 0..2, got 3"),
        ("-1 0.5 0.5 0.1 0.1", "class index must be 0..2, got -1"),
        ("99999999999 0.5 0.5 0.1 0.1", "class must be an index"),
        ("blue 0.5 0.5 0.1 0.1", "got 'blue'"),
        ("0.0 0.5 0.5 0.1 0.1", "class must be an index"),
        ("1_0 0.5 0.5 0.1 0.1", "class must be an index"),
        ("\u0661 0.5 0.5 0.1 0.1", "class must be an index"),
        ("0 \u0660.\u0665 0.5 0.1 0.1", "x_center must be a number"),
        ("0 0.5 0_0.5 0.1 0.1", "y_center must be a number"),
        ("0 nan 0.5 0.1 0.1", "x_center must be a number"),
        ("0 0.5 0.5 inf 0.1", "width must be a number"),
        ("0 0.5 0.5 0.1 -Infinity", "height must be a number"),
        ("0 1e999 0.5 0.1 0.1", "x_center must be from 0 to 1"),
        ("0 1e9999 0.5 0.1 0.1", "x_center must be a number"),
        ("0 0x1 0.5 0.1 0.1", "x_center must be a number"),
        ("0 0.5 0.5 0.1 x", "height must be a number"),
        ("0 1.5 0.5 0.1 0.1", "x_center must be from 0 to 1"),
        ("0 0.5 -0.5 0.1 0.1", "y_center must be from 0 to 1"),
        ("0 0.5 0.5 0 0.1", "no size"),
        ("0 0.5 0.5 0.1 1e-999", "no size"),
        ("0 0.5 0.5 1e-300 0.1", "no size"),
        ("0 0.5 0.5 -0.1 0.1", "width must be from 0 to 1"),
        ("0 0.95 0.5 0.2 0.1", "right edge is at 1.05"),
        ("0 0.5 0.05 0.1 0.2", "top edge is at -0.05"),
        ("0 320 240 64 48", "fraction of the image size"),
        ("0 0,5 0,5 0,1 0,1", "values"),
        ("0;0.5;0.5;0.1;0.1", "got 1 value"),
        ("{'$ne': None}", "values"),
        ("download: evil.py", "values"),
        ("0 0.5 0.5 0.1 0.1\u2028download: x", "x"),
        ("x" * 1000, "1,000 characters"),
        ("0 0.5 0.5 0.1 " + "1" * 1000, "characters"),
    ],
)
def test_a_bad_detection_line_is_400_and_named(cells: Caller, store: Store, label: str, words: str):
    body = assert_problem(cells.place("cells", "a", f"0 0.5 0.5 0.1 0.1||{label}"), 400, "line 3", words)
    assert [error["line"] for error in body["errors"]] == ["3"]
    assert {error["field"] for error in body["errors"]} == {"label_data"}
    assert store.database["images.files"].count_documents({}) == 0


def test_every_bad_line_is_named(cells: Caller):
    body = assert_problem(cells.place("cells", "a", "|".join(["0 0.5 0.5 0.1 0.1", "x", "y", "9 0 0 0 0"] * 20)), 400)
    assert [error["line"] for error in body["errors"]][:4] == ["2", "3", "4", "6"]
    assert len(body["errors"]) == 20


@pytest.mark.parametrize(
    ("label", "lines"),
    [
        ("0 0.5 0.5 0.1 0.1", ["0 0.5 0.5 0.1 0.1"]),
        ("0 0.500000 0.5 1e-1 .1|1 1 1 0.01 0.01", ["0 0.500000 0.5 1e-1 .1", "1 1 1 0.01 0.01"]),
        ("0,0.5,0.5,0.1,0.1", ["0 0.5 0.5 0.1 0.1"]),
        ("0, 0.5 ,0.5\t0.1  0.1", ["0 0.5 0.5 0.1 0.1"]),
        ("red 0.5 0.5 0.1 0.1", ["red 0.5 0.5 0.1 0.1"]),
        ("small plate 0.5 0.5 0.1 0.1", ["small plate 0.5 0.5 0.1 0.1"]),
        ("\r\n0 0.5 0.5 1 1\r\n\r\n|\n 2 0.5 0.5 0.1 0.1 \n", ["0 0.5 0.5 1 1", "2 0.5 0.5 0.1 0.1"]),
        ("", []),
        (" | |\n", []),
    ],
)
def test_good_detection_lines_are_given_back_as_sent(cells: Caller, label: str, lines: list[str]):
    assert cells.place("cells", "a", label).status_code == 200
    assert _read(cells, "cells") == lines


def test_more_lines_than_allowed_are_400_and_as_many_are_fine(cells: Caller):
    line = "0 0.5 0.5 0.1 0.1"
    assert_problem(cells.place("cells", "a", "|".join([line] * 10_001)), 400, "allowed are 10,000")
    assert cells.place("cells", "a", "|".join([line] * 10_000)).status_code == 200
    assert len(_read(cells, "cells")) == 10_000


@pytest.mark.parametrize(
    "line", ["1" * 400 + "x", "a" + " " * 400 + "b", "," * 499, "1" * 1_900_000 + "x", " " * 900_000]
)
def test_no_label_takes_long_to_read(cells: Caller, line: str):
    began = time.monotonic()
    response = cells.place("cells", "a", "|".join([line] * max(1, 500_000 // len(line))))
    assert response.status_code in (200, 400)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("2", "class index must be 0..1, got 2"),
        ("fox", "got 'fox'"),
        ("0|1", "one class, got 2 lines"),
        ("0 0.5 0.5 0.1 0.1", "class must be"),
        ("\u0661", "class must be"),
        ("1.0", "class must be"),
        ("CAT", "class must be"),
    ],
)
def test_a_bad_class_of_an_image_is_400(caller: Caller, label: str, words: str):
    caller.project("pets", classes="cat|dog")
    assert_problem(caller.place("pets", "a", label), 400, words)


@pytest.mark.parametrize(
    ("label", "lines"), [("0", ["0"]), (1, ["1"]), (" cat \n", ["cat"]), ("", []), ("|dog|", ["dog"])]
)
def test_the_class_of_an_image_is_an_index_or_a_name(caller: Caller, label: object, lines: list[str]):
    caller.project("pets", classes="cat|dog")
    assert caller.place("pets", "a", label).status_code == 200
    assert _read(caller, "pets") == lines


@pytest.mark.parametrize("name", ['5" nail', "\\", "yes", "null", "a: b", "{x}", "猫", "a, b", "1st", "x y z"])
@pytest.mark.parametrize("project_type", ["classification", "detection"])
def test_classes_of_any_name_are_used_in_labels(caller: Caller, project_type: str, name: str):
    caller.project("odd", project_type, f"first|{name}")
    line = name if project_type == "classification" else f"{name} 0.5 0.5 0.1 0.1"
    assert caller.place("odd", "a", line).status_code == 200
    assert _read(caller, "odd") == [line]


def test_a_label_before_there_are_classes_is_400(caller: Caller):
    caller.project("pets")
    assert_problem(caller.place("pets", "a", "0"), 400, "no classes yet")
    assert caller.place("pets", "a", "").status_code == 200
