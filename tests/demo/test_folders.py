from __future__ import annotations

from pathlib import Path

import pytest

from demo.folders import LayoutError, read_folder
from demo.layout import choose_kept
from tests.conftest import picture


def fill(folder: Path, count: int, label: str | None = None) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        path = folder / f"{number}.png"
        path.write_bytes(picture(seed=number))
        if label is not None:
            labels = Path(str(folder).replace("/images", "/labels"))
            labels.mkdir(parents=True, exist_ok=True)
            (labels / f"{number}.txt").write_text(label)


def test_one_folder_a_class_is_classification_and_keeps_a_fifth_of_each(tmp_path: Path) -> None:
    fill(tmp_path / "cat", 10)
    fill(tmp_path / "dog", 5)
    material = read_folder(tmp_path)
    assert (material.project_type, material.classes) == ("classification", ("cat", "dog"))
    assert [example.labels for example in material.kept] == [("0",), ("0",), ("1",)]
    assert len(material.uploads) == 12
    assert len({example.name for example in material.uploads + material.kept}) == 15


def test_class_folders_inside_train_and_test_keep_the_test_part(tmp_path: Path) -> None:
    fill(tmp_path / "train" / "cat", 3)
    fill(tmp_path / "train" / "dog", 3)
    fill(tmp_path / "test" / "dog", 2)
    material = read_folder(tmp_path)
    assert [example.labels for example in material.kept] == [("1",), ("1",)]
    assert len(material.uploads) == 6


def test_a_data_yaml_names_classes_and_parts(tmp_path: Path) -> None:
    fill(tmp_path / "train" / "images", 4, "1 0.5 0.5 0.2 0.2\n")
    fill(tmp_path / "val" / "images", 2, "0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "data.yaml").write_text("path: .\ntrain: ../train/images\nval: val/images\nnames: {1: dog, 0: cat}\n")
    material = read_folder(tmp_path)
    assert (material.project_type, material.classes) == ("detection", ("cat", "dog"))
    assert {example.labels for example in material.uploads} == {("1 0.5 0.5 0.2 0.2",)}
    assert len(material.kept) == 2


@pytest.mark.parametrize("pattern", ["images", "images/train", "train/images"])
def test_images_beside_labels_are_detection_without_a_data_yaml(tmp_path: Path, pattern: str) -> None:
    fill(tmp_path / pattern, 10, "2 0.5 0.5 0.2 0.2\n")
    material = read_folder(tmp_path)
    assert material.classes == ("class 0", "class 1", "class 2")
    assert (len(material.uploads), len(material.kept)) == (8, 2)


def test_kept_images_are_measured_on_their_valid_boxes_only(tmp_path: Path) -> None:
    fill(tmp_path / "train" / "images", 1, "0 0.5 0.5 0.2 0.2\n")
    fill(tmp_path / "test" / "images", 1, "0 0.5 0.5 0.2 0.2\n0 0.5 0.5 0 0.2\n7 0.5 0.5 0.2 0.2\n0 1 2\nx\n\n")
    (tmp_path / "classes.txt").write_text("cell\n")
    assert read_folder(tmp_path).kept[0].labels == ("0 0.5 0.5 0.2 0.2",)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder.rmdir(), "there is no folder"),
        (lambda folder: None, "Found: nothing"),
        (lambda folder: (folder / "notes.txt").write_text("x"), "Found: notes.txt"),
        (lambda folder: (folder / "data.yaml").write_text("names: ["), "is no YAML"),
        (lambda folder: (folder / "data.yaml").write_text("names: [cat]"), "names no images"),
        (lambda folder: (folder / "data.yaml").write_text("train: elsewhere"), "there is no such folder"),
        (lambda folder: fill(folder / "train" / "images", 1), "has a box"),
        (lambda folder: [(folder / name).mkdir() for name in ("images", "labels")], "holds no images"),
    ],
)
def test_a_folder_that_cannot_be_read_is_explained(tmp_path: Path, make, said: str) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    make(folder)
    with pytest.raises(LayoutError, match=said):
        read_folder(folder)


def test_the_test_part_is_kept_before_the_validation_part() -> None:
    assert choose_kept({"train": [1], "val": [2], "test": [3]}) == ([1, 2], [3])
    assert choose_kept({"train": [1], "valid": [2], "test": []}) == ([1], [2])
    assert choose_kept({"train": list(range(10))}) == choose_kept({"train": list(range(10))})
