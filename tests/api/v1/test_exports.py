"""Exports over HTTP: whole, of the length that was told, and read again as the same dataset."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import Any, BinaryIO

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from datasets.archive import MISSING
from datasets.formats.registry import FORMATS, recognise
from storage.store import Store
from tests.api.problems import assert_problem
from tests.conftest import Caller, picture

BOXES = "0 0.5123456789012345 0.5 0.25 0.2|1 0.3 0.3333333333333333 0.1 0.1"
NAMES = ("plain.png", "no extension", "Case.png", "case.png", ".hidden", "größe \"1\", 'x' & y.png", "a" * 100)


class ZipSource:
    """What lies in an archive."""

    def __init__(self, content: bytes):
        self.archive = zipfile.ZipFile(io.BytesIO(content))
        assert self.archive.testzip() is None

    def names(self) -> list[str]:
        return self.archive.namelist()

    def size(self, name: str) -> int:
        return self.archive.getinfo(name).file_size

    def read(self, name: str, most_bytes: int) -> bytes:
        return self.archive.read(name)

    def open(self, name: str) -> BinaryIO:
        return io.BytesIO(self.archive.read(name))


def _get(
    client: FlaskClient, caller: Caller, project: str, format: str, method: str = "GET", **query: Any
) -> TestResponse:
    headers = {"Authorization": f"Bearer {caller.token}"}
    return client.open(
        f"/api/v1/projects/{project}/exports/{format}", method=method, headers=headers, query_string=query
    )


def _project(caller: Caller, type: str) -> dict[str, tuple[str, list[str]]]:
    """A project `things`; gives hash and label lines of each image."""
    caller.project("things", type=type, classes="red|small plate, round|never shown")
    labels = (BOXES, "", "1 0.004 0.5 0.016 1") if type == "detection" else ("0", "", "1")
    placed = {}
    for number, name in enumerate(NAMES):
        content = picture(40, 30, seed=number, format=("PNG", "JPEG", "WEBP", "BMP")[number % 4])
        text = labels[number % 3]
        assert caller.place("things", name, text, content).status_code == 200
        placed[name] = (hashlib.sha256(content).hexdigest(), [line for line in text.split("|") if line])
    return placed


def _lines(image: Any, classes: tuple[str, ...]) -> list[str]:
    return [
        " ".join([str(classes.index(label.class_name)), *map(repr, label.box or ())]) for label in image.labels or ()
    ]


def _numbers(lines: list[str]) -> list[list[float]]:
    return [[float(number) for number in line.split()] for line in lines]


CASES = [("detection", format) for format in ("yolo", "coco", "voc", "csv")]
CASES += [("classification", format) for format in ("folders", "csv")]


@pytest.mark.parametrize(("type", "format"), CASES)
def test_an_export_is_read_again_as_the_same_dataset(client: FlaskClient, caller: Caller, type: str, format: str):
    placed = _project(caller, type)
    response = _get(client, caller, "things", format)
    assert (response.status_code, response.mimetype) == (200, "application/zip")
    assert int(response.headers["Content-Length"]) == len(response.data)
    source = ZipSource(response.data)
    assert recognise(source) is FORMATS[format]
    findings: list[Any] = []
    dataset = FORMATS[format].read(source, findings.append)
    images = {image.name: image for image in dataset.images}
    assert findings == []
    assert dataset.classes == ("red", "small plate, round", "never shown")
    assert {
        name: (hashlib.sha256(source.archive.read(image.path)).hexdigest(), _numbers(_lines(image, dataset.classes)))
        for name, image in images.items()
    } == {name: (digest, _numbers(lines)) for name, (digest, lines) in placed.items()}
    nothing = () if type == "detection" else None
    assert {name for name, image in images.items() if image.labels == nothing} == set(NAMES[1::3])


def test_head_tells_the_length_and_the_name(client: FlaskClient, caller: Caller):
    _project(caller, "detection")
    head, whole = _get(client, caller, "things", "coco", "HEAD"), _get(client, caller, "things", "coco")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == whole.headers["Content-Length"] == str(len(whole.data))
    assert head.headers["Content-Disposition"].startswith('attachment; filename="things-coco.zip"')


def test_an_image_that_is_deleted_on_the_way_is_named_and_the_archive_stays_whole(client: FlaskClient, caller: Caller):
    caller.project("things", type="detection", classes="red")
    for number in range(12):
        assert caller.place("things", f"{number:02}", "0 0.5 0.5 0.1 0.1", _large(number)).status_code == 200
    response = _get(client, caller, "things", "yolo")
    pieces = response.iter_encoded()
    first = next(pieces)
    for name in ("05", "11"):
        assert (
            caller.call("PATCH", "/upload/data_point", project_name="things", data_point_name=name).status_code == 200
        )
    content = first + b"".join(pieces)
    assert len(content) == int(response.headers["Content-Length"])
    source = ZipSource(content)
    gone = {line for line in source.archive.read(MISSING).decode().split("\n")[1:] if line}
    assert gone <= {"images/05.bmp", "images/11.bmp"}
    assert "images/11.bmp" in gone
    assert gone.isdisjoint(source.names())
    images = list(FORMATS["yolo"].read(source, lambda finding: None).images)
    assert len(images) == 12 - len(gone)


def _large(seed: int) -> bytes:
    return picture(1000, 700, seed=seed, format="BMP")


def test_an_image_whose_file_is_not_there_is_left_out_of_the_labels_too(
    client: FlaskClient, caller: Caller, store: Store
):
    _project(caller, "detection")
    user = store.users.find("ada")
    assert user
    project = store.projects.named("things", user)
    store.image_files.delete(store.images.get(project.id, "plain.png").file_id)
    source = ZipSource(_get(client, caller, "things", "coco").data)
    assert not any("plain" in name for name in source.names())
    assert b"plain" not in source.archive.read("annotations/instances.json")


def test_labels_of_a_class_that_left_the_list_wait_at_home(client: FlaskClient, caller: Caller):
    caller.project("things", classes="cat|dog")
    caller.place("things", "a.png", "cat")
    caller.place("things", "b.png", "dog")
    assert caller.call("PUT", "/upload/class_info", project_name="things", class_info="dog").status_code == 200
    source = ZipSource(_get(client, caller, "things", "folders").data)
    assert {"a.png", "dog/b.png"} <= set(source.names())


def test_formats_that_are_not_there_or_do_not_fit_are_refused(client: FlaskClient, caller: Caller):
    caller.project("things", type="detection")
    caller.project("kinds", type="classification")
    assert_problem(_get(client, caller, "things", "pdf"), 404, "yolo, coco, voc, csv, folders")
    assert_problem(_get(client, caller, "things", "folders"), 400, "folders cannot hold", "yolo, coco, voc, csv")
    assert_problem(_get(client, caller, "kinds", "yolo"), 400, "csv, folders")
    assert_problem(_get(client, caller, "things", "yolo", color="red"), 400, "color")


def test_a_project_without_images_is_exported_too(client: FlaskClient, caller: Caller):
    caller.project("things", type="detection", classes="red")
    source = ZipSource(_get(client, caller, "things", "yolo").data)
    assert source.names() == ["data.yaml", "diyml.json"]


def test_open_exports_of_one_user_are_bounded_and_given_back(client: FlaskClient, caller: Caller):
    _project(caller, "detection")
    for _ in range(2):
        opened = [_get(client, caller, "things", "yolo") for _ in range(3)]
        assert_problem(_get(client, caller, "things", "yolo"), 429)
        for response in opened:
            response.close()


def test_a_version_is_exported_as_it_was_whatever_has_become_of_the_project(client: FlaskClient, caller: Caller):
    placed = _project(caller, "detection")
    headers = {"Authorization": f"Bearer {caller.token}"}
    assert client.post("/api/v1/projects/things/versions", json={}, headers=headers).status_code == 201
    assert (
        caller.call("PATCH", "/upload/data_point", project_name="things", data_point_name=NAMES[0]).status_code == 200
    )
    assert caller.place("things", "later.png", "", picture(seed=99)).status_code == 200
    then = ZipSource(_get(client, caller, "things", "yolo", version=1).data)
    found = {image.name: image for image in FORMATS["yolo"].read(then, lambda finding: None).images}
    assert set(found) == set(placed)
    hashes = {name: hashlib.sha256(then.archive.read(image.path)).hexdigest() for name, image in found.items()}
    assert hashes == {name: sha256 for name, (sha256, _) in placed.items()}
    now = ZipSource(_get(client, caller, "things", "yolo").data)
    assert {image.name for image in FORMATS["yolo"].read(now, lambda finding: None).images} == {
        *NAMES[1:], "later.png"
    }  # fmt: skip
    assert_problem(_get(client, caller, "things", "yolo", version=2), 404, "version 2")
