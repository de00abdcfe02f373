from __future__ import annotations

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from storage.store import Store
from tests.api.problems import assert_problem
from tests.api.v1.images import BOX, Api
from tests.conftest import Caller, picture


@pytest.fixture
def pets(client: FlaskClient, caller: Caller) -> Api:
    caller.project("pets", "detection", "cat|dog|7")
    return Api(client, caller)


def test_an_uploaded_image_is_shown_as_it_is_and_where_the_answer_says(pets: Api):
    content = picture(40, 30)
    answer = pets.upload(
        ("a.png", content), annotations={"a.png": [{"class": "dog", "box": BOX}]}, tags="x,b", split="val"
    )
    assert answer.status_code == 201, answer.text
    (item,) = answer.json["items"]
    assert (item["status"], item["error"], answer.json["created"], answer.json["failed"]) == ("created", None, 1, 0)
    assert answer.headers["Location"] == item["url"]
    shown = pets.send("GET", "/a.png")
    assert shown.headers["ETag"] == '"1"'
    image = shown.json
    assert image == pets.get(f"/{item['id']}") == pets.get()["items"][0]
    assert image["annotations"] == [{"class_id": 1, "class": "dog", "box": BOX}]
    assert (image["width"], image["height"], image["size"], image["format"]) == (40, 30, len(content), "PNG")
    assert (image["split"], image["tags"], image["labelled"], image["label_state"]) == (
        "val",
        ["b", "x"],
        True,
        "labelled",
    )
    assert image["file_url"] == f"{image['url']}/file"


def test_many_files_are_judged_one_by_one_in_their_order(pets: Api, store: Store):
    files = [("d/a.png", picture(seed=1)), ("bad.png", b"no image"), ("b.png", picture(seed=2)), ("a.png", picture())]
    labels = {"b.png": [{"class": "fox", "box": BOX}]}
    answer = pets.upload(*files, annotations=labels)
    assert answer.status_code == 201
    items = answer.json["items"]
    assert [(item["name"], item["status"]) for item in items] == [
        ("a.png", "created"), ("bad.png", "failed"), ("b.png", "failed"), ("a.png", "failed")
    ]  # fmt: skip
    assert "not an image" in items[1]["error"]
    assert "class must be one of 'cat', 'dog', '7', got 'fox'" in items[2]["error"]
    assert "comes more than once" in items[3]["error"]
    assert pets.names() == ["a.png"]
    assert store.database["images.files"].count_documents({}) == 1


@pytest.mark.parametrize(
    ("files", "fields", "status", "words"),
    [
        ([], {}, 400, "no file"),
        ([("a.png", b"x"), ("b.png", b"")], {}, 400, "and 1 more file"),
        ([("..", picture())], {}, 400, "'..' is no name"),
        ([("a.png", picture())], {"annotations": {"b.png": "cat"}}, 400, "no file 'b.png'"),
        ([("a.png", picture())], {"annotations": "{"}, 400, "not valid JSON"),
        ([("a.png", picture())], {"annotations": {"a.png": [{"box": BOX}]}}, 400, "the class is missing"),
        ([("a.png", picture())], {"annotations": {"a.png": [{"class": "cat", "box": [1, 2]}]}}, 400, "got 2 numbers"),
        ([("a.png", picture())], {"annotations": {"a.png": [{"class": 9, "box": BOX}]}}, 400, "no class with the id 9"),
        ([("a.png", picture())], {"annotations": {"a.png": [{"class": "cat"}]}}, 400, "the box is missing"),
        ([("a.png", picture())], {"annotations": {"a.png": [{"class": "cat", "box": [2, 0.5, 1, 1]}]}}, 400, "from 0"),
        ([("a.png", picture())], {"split": "half"}, 400, "split"),
        ([("a.png", picture())], {"wrong": "1"}, 400, "wrong"),
        ([("a.png", picture())], {"on_conflict": "maybe"}, 400, "on_conflict"),
    ],
)
def test_an_upload_of_which_nothing_is_good_is_refused(
    pets: Api, store: Store, files: list[tuple[str, bytes]], fields: dict[str, Any], status: int, words: str
):
    assert_problem(pets.upload(*files, **fields), status, words)
    assert store.database["images"].count_documents({}) == store.database["images.files"].count_documents({}) == 0


def test_a_body_that_is_no_form_is_415(pets: Api):
    assert_problem(pets.send("POST", json={"images": []}), 415, "multipart/form-data")


@pytest.mark.parametrize(
    ("on_conflict", "status", "names"),
    [("replace", "replaced", ["a.png"]), ("skip", "skipped", ["a.png"]), ("rename", "renamed", ["a-2.png", "a.png"])],
)
def test_what_becomes_of_a_name_that_is_taken_is_the_callers_choice(
    pets: Api, store: Store, on_conflict: str, status: str, names: list[str]
):
    pets.upload(("a.png", picture(20, 20)))
    before = pets.get("/a.png")
    answer = pets.upload(("a.png", picture(30, 30)), on_conflict=on_conflict)
    assert answer.json["items"][0]["status"] == status, answer.text
    assert pets.names() == names
    after = pets.get("/a.png")
    assert after["id"] == before["id"]
    assert (after["width"] == 30) == (on_conflict == "replace")
    assert store.database["images.files"].count_documents({}) == len(names)


def test_a_taken_name_fails_when_asked_to_and_leaves_nothing(pets: Api, store: Store):
    pets.upload(("a.png", picture(20, 20)))
    assert_problem(
        pets.upload(("a.png", picture(30, 30)), on_conflict="fail"), 409, "there is an image 'a.png' already"
    )
    answer = pets.upload(("a.png", picture(30, 30)), ("b.png", picture()), on_conflict="fail")
    assert (answer.status_code, answer.json["failed"], answer.json["created"]) == (201, 1, 1)
    assert pets.get("/a.png")["width"] == 20
    assert store.database["images.files"].count_documents({}) == 2


def test_replacing_without_labels_keeps_those_of_the_same_content_only(pets: Api):
    pets.upload(("a.png", picture(seed=1)), annotations={"a.png": "0 0.5 0.5 0.1 0.1"}, tags=["x"])
    pets.upload(("a.png", picture(seed=1)))
    assert len(pets.get("/a.png")["annotations"]) == 1
    pets.upload(("a.png", picture(seed=2)))
    image = pets.get("/a.png")
    assert (image["annotations"], image["label_state"], image["tags"]) == ([], "unlabelled", ["x"])


def test_an_upload_that_is_repeated_with_its_key_is_done_once(pets: Api, store: Store):
    key = {"Idempotency-Key": "k"}
    first = pets.upload(("a.png", picture(seed=1)), headers=key)
    again = pets.upload(("a.png", picture(seed=1)), headers=key)
    assert (first.status_code, again.data, again.headers["Idempotency-Replayed"]) == (201, first.data, "true")
    assert_problem(pets.upload(("a.png", picture(seed=2)), headers=key), 422)
    assert pets.get("/a.png")["revision"] == 1


def test_a_file_comes_back_as_it_was_with_what_browsers_need(pets: Api):
    content = picture(300, 200)
    pets.upload(("ka tze é.png", content))
    answer = pets.send("GET", "/ka tze é.png/file")
    assert answer.data == content
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"].startswith("private")
    assert "filename*=UTF-8''ka%20tze%20%C3%A9.png" in answer.headers["Content-Disposition"]
    assert answer.headers["ETag"] == f'"{pets.get("/ka tze é.png")["sha256"]}"'
    head = pets.send("HEAD", "/ka tze é.png/file")
    assert (head.status_code, head.data, head.headers["Content-Length"]) == (200, b"", str(len(content)))
    same = pets.send("GET", "/ka tze é.png/file", headers={"If-None-Match": answer.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")


@pytest.mark.parametrize(
    ("sent", "status", "start", "stop"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=10-19", 206, 10, 20),
        ("bytes=1048570-1048590", 206, 1048570, 1048591),
        ("bytes=2097152-", 206, 2097152, None),
        ("bytes=-5", 206, -5, None),
        ("bytes=0-1,5-6", 200, 0, None),
        ("lines=0-1", 200, 0, None),
        ("bytes=99999999-", 416, 0, 0),
    ],
)
def test_a_range_of_a_file_is_that_part(pets: Api, sent: str, status: int, start: int, stop: int | None):
    content = picture(1000, 800, format="BMP")
    pets.caller.place("pets", "a.bmp", "", content)
    answer = pets.send("GET", "/a.bmp/file", headers={"Range": sent})
    assert answer.status_code == status
    if status == 416:
        assert answer.headers["Content-Range"] == f"bytes */{len(content)}"
        return
    assert answer.data == content[start:stop]
    if status == 206:
        first = start % len(content) if start >= 0 else len(content) + start
        assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(answer.data) - 1}/{len(content)}"


def test_a_range_of_another_content_is_the_whole_file(pets: Api):
    pets.upload(("a.png", picture()))
    tag = pets.send("HEAD", "/a.png/file").headers["ETag"]
    for condition, status in ((tag, 206), ('"other"', 200)):
        answer = pets.send("GET", "/a.png/file", headers={"Range": "bytes=0-3", "If-Range": condition})
        assert answer.status_code == status


def test_a_thumbnail_is_small_turned_and_kept(pets: Api, settings: Any):
    pixels = Image.new("RGB", (400, 100), "red")
    exif = pixels.getexif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    pixels.save(stream, "JPEG", exif=exif)
    pets.upload(("a.jpg", stream.getvalue()))
    answer = pets.send("GET", "/a.jpg/thumbnail?size=128")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    with Image.open(io.BytesIO(answer.data)) as shown:
        assert shown.size == (32, 128)
    kept = list((settings.data_dir / "cache" / "thumbnails").glob("??/*-128.jpg")) or list(
        (settings.data_dir / "cache" / "thumbnails").glob("??/*.128.jpg")
    )
    assert [path.read_bytes() for path in kept if path.read_bytes() == answer.data]
    same = pets.send("GET", "/a.jpg/thumbnail?size=128", headers={"If-None-Match": answer.headers["ETag"]})
    assert same.status_code == 304
    assert_problem(pets.send("GET", "/a.jpg/thumbnail?size=100"), 400, "64..512 in steps of 64")


def test_deleting_an_image_deletes_its_file(pets: Api, store: Store):
    pets.upload(("a.png", picture(seed=1)), ("b.png", picture(seed=2)))
    gone = pets.send("DELETE", "/a.png")
    assert (gone.status_code, gone.data) == (204, b"")
    assert_problem(pets.send("GET", "/a.png"), 404, "no image 'a.png'")
    assert_problem(pets.send("DELETE", "/a.png"), 404)
    assert_problem(pets.send("DELETE", "/b.png", headers={"If-Match": '"7"'}), 412)
    assert store.database["images.files"].count_documents({}) == 1


def test_a_file_is_put_under_a_name_and_replaced_under_the_same_or_its_id(caller: Caller, client: FlaskClient):
    caller.project("pets", classes="cat|dog")
    url, headers = "/api/v1/projects/pets/images", {"Authorization": f"Bearer {caller.token}"}

    def put(reference: str, content: bytes, kind: str = "image/png") -> TestResponse:
        return client.put(f"{url}/{reference}/file", data=content, content_type=kind, headers=headers)

    made = put("one.png", picture(seed=1))
    assert (made.status_code, made.json["status"], made.json["name"]) == (200, "created", "one.png")
    labels = {"annotations": [{"class": "dog"}]}
    assert client.put(f"{url}/one.png/annotations", json=labels, headers=headers).status_code == 200
    for reference, seed, left in (("one.png", 1, 1), (made.json["id"], 2, 0)):
        again = put(reference, picture(seed=seed)).json
        assert (again["status"], again["id"], again["name"]) == ("replaced", made.json["id"], "one.png")
        assert client.get(f"{url}/one.png/file", headers=headers).data == picture(seed=seed)
        # What was said of another picture need not hold for this one.
        assert len(client.get(f"{url}/one.png", headers=headers).json["annotations"]) == left
    assert_problem(put("two.png", b"no picture"), 400)
    assert_problem(put("two.png", picture(), "text/plain"), 415, "image/png")
    assert_problem(client.get(f"{url}/two.png", headers=headers), 404)


def test_a_file_that_is_put_again_with_its_key_is_put_once(caller: Caller, client: FlaskClient):
    caller.project("pets")
    path = "/api/v1/projects/pets/images/one.png/file"
    headers = {"Authorization": f"Bearer {caller.token}", "Idempotency-Key": "a", "Content-Type": "image/png"}
    first, second = (client.put(path, data=picture(seed=1), headers=headers) for _ in range(2))
    assert first.json == second.json
    assert (first.json["status"], second.headers["Idempotency-Replayed"]) == ("created", "true")
    assert_problem(client.put(path, data=picture(seed=2), headers=headers), 422)
