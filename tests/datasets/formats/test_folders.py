"""Folders as people make them."""

from __future__ import annotations

import pytest

from datasets.formats.protocol import Label
from tests.datasets.formats.sources import PICTURE, read


def _read(*paths: str) -> dict[str, tuple[str, str]]:
    """Class and split by path; `-` for no class."""
    _, found, findings = read("folders", dict.fromkeys(paths, PICTURE))
    assert findings == []
    return {path: (image.labels[0].class_name if image.labels else "-", image.split) for path, image in found.items()}


def test_a_folder_is_a_class():
    assert _read("0/a.JPG", "1/a.jpeg", "10/b.webp", "LICENSE") == {
        "0/a.JPG": ("0", ""),
        "1/a.jpeg": ("1", ""),
        "10/b.webp": ("10", ""),
    }


def test_folders_around_them_are_splits_when_they_are_called_so():
    assert _read("Train/cat/a.png", "valid/cat/b.png", "test/dog/c.png", "test/d.png") == {
        "Train/cat/a.png": ("cat", "train"),
        "valid/cat/b.png": ("cat", "val"),
        "test/dog/c.png": ("dog", "test"),
        "test/d.png": ("-", "test"),
    }


def test_one_folder_around_everything_is_no_class():
    assert _read("data/cat/a.png", "data/dog/b.png")["data/cat/a.png"] == ("cat", "")
    assert _read("x/data/train/cat/a.png", "x/data/val/dog/b.png")["x/data/train/cat/a.png"] == ("cat", "train")
    assert _read("data/a.png", "data/cat/b.png") == {"data/a.png": ("-", ""), "data/cat/b.png": ("cat", "")}


def test_a_single_folder_of_images_is_a_class():
    assert _read("cat/a.png", "cat/b.png")["cat/a.png"] == ("cat", "")
    assert _read("train/cat/a.png") == {"train/cat/a.png": ("cat", "train")}


def test_images_without_a_folder_are_unlabelled():
    assert _read("a.png", "b.png") == {"a.png": ("-", ""), "b.png": ("-", "")}


def test_a_class_called_like_a_split_is_one_as_long_as_another_is_not():
    assert _read("train/a.png", "plane/b.png")["train/a.png"] == ("train", "")


def test_folders_in_a_class_belong_to_it():
    assert _read("cat/black/a.png", "dog/b.png")["cat/black/a.png"] == ("cat", "")


@pytest.mark.parametrize("name", ["cat, small", "it's", "図", "a=b", "#1"])
def test_a_class_may_be_called_anything_that_a_folder_may(name: str):
    classes, found, _ = read("folders", {f"{name}/a.png": PICTURE, "b/b.png": PICTURE})
    assert set(classes) == {name, "b"}
    assert found[f"{name}/a.png"].labels == (Label(name),)
