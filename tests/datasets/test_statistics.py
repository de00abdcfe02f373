from __future__ import annotations

import json

from datasets.snapshot import Snapshot
from datasets.statistics import describe
from tests.datasets.samples import image, snapshot, unlabelled


def test_an_empty_snapshot_has_no_sizes():
    found = describe(Snapshot("detection", (), ()))
    assert (found["image_count"], found["annotation_count"]) == (0, 0)
    assert found["image_sizes"] == {"width_px": None, "height_px": None, "most_common": {}}
    assert found["box_sizes"] == {"width_px": None, "height_px": None, "small": 0, "medium": 0, "large": 0}
    assert found["class_imbalance"] is None


def test_images_count_once_a_class_and_annotations_each():
    found = describe(snapshot(image("a", 0, 0, 1), image("b", 0), unlabelled("c")))
    assert found["images_per_class"] == {"c0": 2, "c1": 1}
    assert found["annotations_per_class"] == {"c0": 3, "c1": 1}
    assert found["images_without_label"] == {"count": 1, "names": ["c"]}
    assert found["class_imbalance"] == 2.0


def test_boxes_are_small_medium_or_large_by_their_area_in_pixels():
    sizes = [(100, 100), (159, 160), (160, 160), (479, 480), (480, 480)]
    found = describe(snapshot(*(image(f"{size}", 0, size=size) for size in sizes)))
    assert [found["box_sizes"][name] for name in ("small", "medium", "large")] == [2, 2, 1]


def test_duplicates_are_listed_by_name_and_sizes_by_how_common_they_are():
    found = describe(snapshot(image("a", content="x"), image("b"), image("c", content="x"), image("d", size=(9, 9))))
    assert found["exact_duplicates"] == [["a", "c"]]
    assert list(found["image_sizes"]["most_common"].items()) == [("100x50", 3), ("9x9", 1)]


def test_the_description_is_json_and_long_lists_are_cut():
    found = describe(snapshot(*(unlabelled(f"i{number}") for number in range(500))))
    assert json.loads(json.dumps(found)) == found
    assert found["images_without_label"]["count"] == 500
    assert len(found["images_without_label"]["names"]) == 100
