from __future__ import annotations

from tests.api.problems import assert_problem
from tests.conftest import Caller, picture

KEYS = {
    "project_name", "project_type", "is_published", "classes", "data_points", "image_count", "annotation_count",
    "images_per_class", "annotations_per_class", "images_without_label", "image_sizes", "box_sizes", "class_imbalance",
    "exact_duplicates", "annotations_of_removed_classes", "missing_for_training",
}  # fmt: skip


def test_an_empty_project_is_analysed_and_what_it_lacks_is_named(caller: Caller):
    caller.project("cells", "detection")
    analysis = caller.call("POST", "/data_analysis", project_name="cells").json
    assert set(analysis) == KEYS
    assert (analysis["project_name"], analysis["project_type"]) == ("cells", "detection")
    assert (analysis["is_published"], analysis["classes"], analysis["data_points"]) == ("False", [], [])
    assert analysis["image_count"] == 0
    assert analysis["class_imbalance"] is None
    assert len(analysis["missing_for_training"]) >= 1


def test_data_points_statistics_and_missing_things_of_a_detection_project(caller: Caller):
    caller.project("cells", "detection", "red|white|plate")
    same = picture(100, 50, seed=1)
    caller.place("cells", "a.png", "0 0.5 0.5 0.2 0.4|0 0.2 0.2 0.1 0.1|white 0.5 0.5 1 1", same)
    caller.place("cells", "b.png", "", same)
    caller.place("cells", "c.png", "0 0.5 0.5 0.5 0.5", picture(60, 60, seed=2))
    analysis = caller.call("POST", "/data_analysis", project_name="cells").json
    assert analysis["data_points"] == [
        {"name": "a.png", "labels": ["0 0.5 0.5 0.2 0.4", "0 0.2 0.2 0.1 0.1", "white 0.5 0.5 1 1"]},
        {"name": "b.png", "labels": []},
        {"name": "c.png", "labels": ["0 0.5 0.5 0.5 0.5"]},
    ]
    assert analysis["image_count"] == 3
    assert analysis["annotation_count"] == 4
    assert analysis["images_per_class"] == {"red": 2, "white": 1, "plate": 0}
    assert analysis["annotations_per_class"] == {"red": 3, "white": 1, "plate": 0}
    assert analysis["images_without_label"] == {"count": 0, "names": []}  # b.png was said to show nothing
    assert analysis["image_sizes"]["width_px"] == {"min": 60, "median": 100, "max": 100}
    assert analysis["box_sizes"]["width_px"] == {"min": 10, "median": 25, "max": 100}
    assert analysis["exact_duplicates"] == [["a.png", "b.png"]]
    assert any("'plate'" in sentence for sentence in analysis["missing_for_training"])


def test_a_project_that_can_be_trained_lacks_nothing(caller: Caller):
    caller.project("pets", classes="cat|dog")
    for seed, label in enumerate(["cat", "dog"] * 3):
        caller.place("pets", f"{seed}", label, picture(seed=seed))
    analysis = caller.call("POST", "/data_analysis", project_name="pets").json
    assert analysis["missing_for_training"] == []
    assert analysis["class_imbalance"] == 1.0


def test_an_image_without_label_is_what_classification_lacks(caller: Caller):
    caller.project("pets", classes="cat|dog")
    for seed, label in enumerate(["cat", "dog", ""]):
        caller.place("pets", f"{seed}", label, picture(seed=seed))
    missing = caller.call("POST", "/data_analysis", project_name="pets").json["missing_for_training"]
    assert missing == ["1 image has no label: '2'"]


def test_analysing_anothers_project_is_403_and_none_404(caller: Caller, other: Caller):
    caller.project("pets")
    assert_problem(other.call("POST", "/data_analysis", project_name="pets"), 403)
    assert_problem(caller.call("POST", "/data_analysis", project_name="dogs"), 404)
    assert_problem(caller.call("POST", "/data_analysis"), 400, "project_name is missing")
