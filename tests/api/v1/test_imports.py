"""Imports over HTTP, done by a real worker: what comes of good archives and of bad ones, options, the report."""

from __future__ import annotations

import subprocess
import zipfile
from typing import Any

import pytest
from flask.testing import FlaskClient

from storage.images import StoredImage
from storage.projects import Project
from storage.store import Store
from storage.sweeper import sweep
from tests.api.problems import assert_problem
from tests.api.v1.import_calls import ImportCalls, wait_until_dropped
from tests.conftest import Caller, picture
from tests.datasets.archive_files import CLASSES, tarred, yolo_files, zipped
from tests.storage.test_sweeper import AT_ONCE, NONE

pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture
def cells(client: FlaskClient, caller: Caller, store: Store) -> ImportCalls:
    """Imports into an empty detection project."""
    caller.project("cells", type="detection")
    return ImportCalls(client, caller.token, "cells")


def project_of(store: Store) -> Project:
    user = store.users.find("ada")
    assert user
    return store.projects.named("cells", user)


def images_of(store: Store) -> dict[str, StoredImage]:
    return {image.name: image for image in store.images.list_all(project_of(store).id)}


def counts(record: dict[str, Any], *names: str) -> tuple[int, ...]:
    return tuple(record["counts"][name] for name in names)


def test_a_zip_of_yolo_becomes_images_with_labels_classes_and_splits(cells: ImportCalls, store: Store):
    record = cells.run(zipped(yolo_files(6)), filename="bccd.zip")
    assert (record["state"], record["error"], record["format"]) == ("succeeded", None, "yolo")
    assert record["counts"] == {
        "files": 13, "images": 6, "created": 6, "replaced": 0, "skipped": 0, "failed": 0, "annotations": 12,
        "rows": 0, "columns": 0,
    }  # fmt: skip
    assert (record["classes_created"], record["findings"], record["progress"]) == (list(CLASSES), 0, 1.0)
    images = images_of(store)
    assert sorted(images) == [f"cell{number}.png" for number in range(6)]
    project = project_of(store)
    for number in range(6):
        image = images[f"cell{number}.png"]
        assert store.image_files.read(image.file_id) == picture(24, 16, seed=number)
        assert (image.width, image.height, image.format, image.revision) == (24, 16, "PNG", 1)
        assert [(project.class_name(a.class_id), a.box) for a in image.annotations] == [
            (CLASSES[number % 3], (0.5, 0.5, 0.25, 0.5)),
            ("RBC", (0.25, 0.25, 0.1, 0.1)),
        ]
        assert image.split == ("val" if number % 3 == 2 else "train")
        assert image.created_at is not None
    assert cells.report(record["id"]) == []
    wait_until_dropped(store)
    assert sweep(store, AT_ONCE) == NONE


@pytest.mark.parametrize("packed", [False, True])
def test_a_tar_does_as_well(cells: ImportCalls, store: Store, packed: bool):
    record = cells.run(tarred(yolo_files(3), packed))
    assert (record["state"], counts(record, "created", "failed")) == ("succeeded", (3, 0))
    assert len(images_of(store)) == 3


def test_a_small_archive_may_come_in_one_request(cells: ImportCalls, store: Store):
    content = zipped(yolo_files(3))
    response = cells.client.post(
        f"{cells.url}?filename=small.zip&create_classes=false&class_map=%7B%22WBC%22%3Anull%7D",
        data=content,
        content_type="application/zip",
        headers=cells.headers,
    )
    assert response.status_code == 201, response.text
    record = cells.ended(response.json["id"])
    assert response.headers["Location"] == f"/api/v1/imports/{record['id']}"
    assert (record["filename"], counts(record, "created", "annotations")) == ("small.zip", (3, 0))
    assert images_of(store)["cell0.png"].annotations == ()


def test_broken_files_and_lines_are_named_and_the_rest_is_imported(cells: ImportCalls, store: Store):
    files = yolo_files(6)
    files["images/train/cell0.png"] = b"no image"
    files["images/val/cell2.png"] = picture(24, 16, seed=2)[:200]
    files["labels/train/cell1.txt"] = "0 0.5 0.5 0.25 0.5\n0 0.5 0.5 nan 0.5\n7 0.5 0.5 0.1 0.1\n"
    record = cells.run(zipped(files))
    assert (record["state"], counts(record, "created", "failed", "images")) == ("succeeded", (4, 2, 6))
    lines = cells.report(record["id"])
    assert record["findings"] == len(lines) == 4
    found = {(line["file"], line["line"]): line["reason"] for line in lines}
    assert "not an image" in found["images/train/cell0.png", None]
    assert "damaged or cut short" in found["images/val/cell2.png", None]
    assert "width must be a number" in found["labels/train/cell1.txt", 2]
    assert "class must be an index 0..2" in found["labels/train/cell1.txt", 3]
    assert len(images_of(store)["cell1.png"].annotations) == 1
    as_csv = cells.client.get(f"{record['report_url']}?format=csv", headers=cells.headers)
    assert as_csv.mimetype == "text/csv"
    assert as_csv.text.startswith("file,line,reason\r\n")
    assert "labels/train/cell1.txt,2," in as_csv.text


def test_a_member_with_a_wrong_checksum_fails_alone(cells: ImportCalls, store: Store):
    files = yolo_files(3)
    content = zipped(files, zipfile.ZIP_STORED)
    image = bytes(files["images/train/cell0.png"])
    record = cells.run(content.replace(image[:60], image[:50] + b"0123456789", 1))
    assert counts(record, "created", "failed") == (2, 1)
    assert "checksum (CRC-32) is wrong" in cells.report(record["id"])[0]["reason"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no archive at all", "the directory that a ZIP file has at its end is missing"),
        (zipped(yolo_files(3))[:-40], "damaged or cut short"),
        (tarred(yolo_files(3), packed=True)[:-300], "damaged or cut short"),
        (zipped({"notes.txt": "nothing"}), "no dataset was recognised"),
        (b"Rar!\x1a\x07\x01\x00" + bytes(600), "packed by RAR"),
    ],
    ids=["no archive", "zip cut short", "tar.gz cut short", "no dataset", "rar"],
)
def test_an_archive_that_cannot_be_read_fails_and_says_why(
    cells: ImportCalls, store: Store, content: bytes, reason: str
):
    record = cells.run(content)
    assert record["state"] == "failed"
    assert reason in record["error"]
    assert images_of(store) == {}


def test_all_or_nothing_is_nothing_when_one_line_is_bad(cells: ImportCalls, store: Store):
    files = yolo_files(3)
    files["labels/train/cell1.txt"] = "0 0.5 0.5 0.25\n"
    record = cells.run(zipped(files), all_or_nothing=True)
    assert (record["state"], counts(record, "created")) == ("failed", (0,))
    assert "nothing was imported" in record["error"]
    assert [line["file"] for line in cells.report(record["id"])] == ["labels/train/cell1.txt"]
    assert images_of(store) == {}
    assert project_of(store).classes == ()
    # The bytes are kept, so another try needs no upload.
    assert cells.post(record["id"], "retry", all_or_nothing=False).status_code == 202
    assert counts(cells.ended(record["id"]), "created") == (3,)


def test_all_or_nothing_is_all_when_everything_is_good(cells: ImportCalls, store: Store):
    record = cells.run(zipped(yolo_files(3)), all_or_nothing=True)
    assert (record["state"], counts(record, "created", "annotations")) == ("succeeded", (3, 6))
    assert len(images_of(store)) == 3


def test_a_dry_run_tells_what_would_be_and_writes_nothing(cells: ImportCalls, store: Store):
    files = yolo_files(3)
    files["images/train/cell0.png"] = b"no image"
    record = cells.run(zipped(files), dry_run=True)
    assert (record["state"], counts(record, "created", "failed")) == ("succeeded", (2, 1))
    assert record["findings"] == 1
    assert (images_of(store), project_of(store).classes) == ({}, ())
    assert store.database["images.files"].count_documents({}) == 0
    assert cells.post(record["id"], "retry", dry_run=False).status_code == 202
    assert counts(cells.ended(record["id"]), "created", "failed") == (2, 1)
    assert len(images_of(store)) == 2


def test_policies_decide_about_names_and_contents_that_are_there(cells: ImportCalls, store: Store):
    first, other = zipped(yolo_files(3)), yolo_files(3, seed=100)
    assert counts(cells.run(first), "created") == (3,)
    # The same once more costs nothing.
    assert counts(cells.run(first), "created", "skipped") == (0, 3)
    assert counts(cells.run(zipped(other)), "created", "skipped") == (0, 3)
    assert counts(cells.run(zipped(other), on_conflict="keep_both"), "created", "skipped") == (3, 0)
    assert sorted(images_of(store)) == sorted(
        name for number in range(3) for name in (f"cell{number}.png", f"cell{number}-2.png")
    )
    other["labels/train/cell0.txt"] = ""
    kept = zipped(other)
    assert counts(cells.run(kept, on_conflict="replace", split="ignore"), "replaced") == (3,)
    image = images_of(store)["cell0.png"]
    assert (image.annotations, image.split, image.revision) == ((), "", 2)
    assert store.image_files.read(image.file_id) == picture(24, 16, seed=100)
    # Of what is there with this name and content only what is said of it changes; nothing is stored again.
    other["labels/train/cell0.txt"] = "1 0.5 0.5 0.5 0.5"
    assert counts(cells.run(zipped(other), on_conflict="replace", split="test"), "replaced") == (3,)
    after = images_of(store)["cell0.png"]
    assert (len(after.annotations), after.split, after.file_id) == (1, "test", image.file_id)
    renamed = {path.replace("cell", "again"): content for path, content in other.items()}
    assert counts(cells.run(zipped(renamed)), "created", "skipped") == (0, 3)
    assert counts(cells.run(zipped(renamed), on_same_content="keep"), "created") == (3,)
    wait_until_dropped(store)
    assert sweep(store, AT_ONCE) == NONE


def test_classes_are_mapped_left_out_or_created_as_wanted(cells: ImportCalls, caller: Caller, store: Store):
    assert caller.call("PUT", "/upload/class_info", project_name="cells", class_info="red").status_code == 200
    files = zipped(yolo_files(3))
    record = cells.run(files, class_map={"RBC": "red", "Platelets": None, "Mast": "red"}, create_classes=False)
    assert (record["classes_created"], counts(record, "annotations")) == ([], (4,))
    reasons = [line["reason"] for line in cells.report(record["id"])]
    assert any("the project has no class 'WBC'" in reason for reason in reasons)
    assert any("class_map names the class 'Mast'" in reason for reason in reasons)
    assert len(reasons) == 2
    assert project_of(store).classes == ("red",)
    cells.run(files, class_map={"RBC": "red"}, on_conflict="replace")
    assert project_of(store).classes == ("red", "WBC", "Platelets")
    assert len(images_of(store)["cell1.png"].annotations) == 2


def test_files_of_one_name_in_several_folders_keep_apart(cells: ImportCalls, store: Store):
    files = {"train/cat/1.png": picture(seed=1), "train/dog/1.png": picture(seed=2), "val/dog/2.png": picture(seed=3)}
    record = cells.run(zipped(files), split="train")
    assert (record["format"], counts(record, "created")) == ("folders", (3,))
    images = images_of(store)
    assert sorted(images) == ["2.png", "train-cat-1.png", "train-dog-1.png"]
    assert {image.split for image in images.values()} == {"train"}


def test_there_is_no_report_before_the_end_and_no_import_of_a_deleted_project(
    cells: ImportCalls, caller: Caller, store: Store
):
    record = cells.create(100).json
    assert record
    assert_problem(cells.client.get(record["report_url"], headers=cells.headers), 409, "uploading")
    done = cells.run(zipped({"notes.txt": "nothing"}))
    assert done["state"] == "failed"
    assert caller.call("PATCH", "/upload/project", project_name="cells").status_code == 200
    assert store.database["imports"].count_documents({}) == 0
    assert store.database["uploads.files"].count_documents({}) == 0
    assert_problem(cells.client.get(f"/api/v1/imports/{done['id']}", headers=cells.headers), 404)


def test_the_worker_is_still_there(worker: subprocess.Popen[bytes]):
    assert worker.poll() is None
