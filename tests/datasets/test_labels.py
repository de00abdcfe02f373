"""Labels of each project type: what is written is what was read."""

from __future__ import annotations

import random

import pytest
from bson import ObjectId

from datasets.registry import LABEL_FORMATS, canonical_type
from storage.projects import Project
from utils import InvalidInput

CLASSES = ("red", "small plate", "7", "a, b", "0.5 0.5")


def _project(project_type: str, classes: tuple[str, ...] = CLASSES) -> Project:
    return Project(ObjectId(), ObjectId(), "p", project_type, classes, tuple(range(10, 10 + len(classes))))


def _round_trip(project: Project, text: str) -> list[str]:
    labels = LABEL_FORMATS[project.type]
    return labels.write(labels.parse(text, project), project)


@pytest.mark.parametrize("seed", range(10))
def test_any_boxes_come_back_as_written(seed: int):
    odds = random.Random(seed)
    lines = []
    for _ in range(20):
        width, height = odds.uniform(0.001, 1), odds.uniform(0.001, 1)
        x, y = odds.uniform(width / 2, 1 - width / 2), odds.uniform(height / 2, 1 - height / 2)
        numbers = (f"{number:.{odds.randint(6, 17)}f}" for number in (x, y, width, height))
        lines.append(" ".join([odds.choice(["0", "1", "2", "red", "small plate", "a, b"]), *numbers]))
    assert _round_trip(_project("detection"), odds.choice(["|", "\n", "\r\n"]).join(lines)) == lines


def test_annotations_refer_to_the_stable_id_of_the_class():
    project = _project("detection")
    found = LABEL_FORMATS["detection"].parse("1 0.5 0.5 0.1 0.1|red 0.5 0.5 0.1 0.1", project)
    assert [annotation.class_id for annotation in found] == [11, 10]
    assert [annotation.by_name for annotation in found] == [False, True]


@pytest.mark.parametrize(
    ("text", "lines"), [("2", ["2"]), ("7", None), ("4", ["4"]), ("a, b", ["a, b"]), ("0.5 0.5", ["0.5 0.5"])]
)
def test_digits_are_always_an_index_and_never_a_name(text: str, lines: list[str] | None):
    if lines is None:
        with pytest.raises(InvalidInput, match=r"0\.\.4, got 7"):
            _round_trip(_project("classification"), text)
    else:
        assert _round_trip(_project("classification"), text) == lines


def test_a_box_may_leave_the_image_by_a_rounding_error():
    assert _round_trip(_project("detection"), "0 0.995 0.5 0.02 1") == ["0 0.995 0.5 0.02 1"]
    with pytest.raises(InvalidInput, match="right edge"):
        _round_trip(_project("detection"), "0 0.995 0.5 0.04 1")


def test_every_error_names_field_and_line():
    with pytest.raises(InvalidInput) as refusal:
        _round_trip(_project("detection"), "x\n\n0 0.5 0.5 0.1 0.1\ny")
    assert [(error["field"], error["line"]) for error in refusal.value.errors] == [
        ("label_data", "1"),
        ("label_data", "4"),
    ]


def test_every_project_type_is_found_under_its_own_name():
    assert {canonical_type(name.upper()) for name in LABEL_FORMATS} == set(LABEL_FORMATS)
    assert canonical_type("Object_Detection") == canonical_type("object-detection") == "detection"
    assert canonical_type("segmentation") is None
