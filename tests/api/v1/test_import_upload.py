"""How bytes of an import come in: the tus protocol, offsets, broken connections, checksums, who may."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

import api.v1.import_upload
from storage.import_record import ImportState
from storage.imports import MOST_OPEN
from storage.roles import Role
from storage.store import Store
from storage.sweeper import sweep
from storage.tokens import Scope
from tests.api.problems import assert_problem
from tests.api.v1.import_calls import BODY, ImportCalls
from tests.conftest import Caller, wait_until
from tests.storage.test_sweeper import AT_ONCE, NONE
from utils import utc_now

CONTENT = bytes(range(256)) * 400


@pytest.fixture
def cells(client: FlaskClient, caller: Caller, store: Store) -> ImportCalls:
    """Imports into an empty project, with nobody to do them."""
    caller.project("cells", type="detection")
    return ImportCalls(client, caller.token, "cells")


def begun(cells: ImportCalls) -> str:
    response = cells.create(len(CONTENT))
    assert response.json
    return str(response.json["id"])


def stored(store: Store, import_id: str) -> bytes:
    record = store.imports.list_of(next(iter(store.imports.project_ids())), 1)[0]
    assert str(record.id) == import_id
    return b"".join(store.uploads.read(piece.file_id) for piece in store.imports.pieces(record.id))


def test_uploaders_are_told_what_we_can_do(cells: ImportCalls):
    response = cells.client.options(cells.url, headers={"Origin": "https://example.org"})
    assert response.status_code == 204
    assert response.headers["Tus-Version"] == "1.0.0"
    assert response.headers["Tus-Extension"] == "creation,termination,expiration,checksum"
    assert response.headers["Tus-Max-Size"] == str(10 * 1024**3)
    assert response.headers["Access-Control-Allow-Origin"]
    assert "Upload-Offset" in response.headers["Access-Control-Expose-Headers"]


def test_an_uploader_creates_sends_in_parts_asks_for_the_offset_and_ends(cells: ImportCalls, store: Store):
    response = cells.create_by_tus(
        len(CONTENT), filename="Zellen ä.zip", filetype="application/zip", dry_run="true", class_map='{"a": null}'
    )
    assert response.status_code == 201, response.text
    assert response.headers["Tus-Resumable"] == "1.0.0"
    assert "GMT" in response.headers["Upload-Expires"]
    url = response.headers["Location"]
    record = response.json
    assert record
    assert url == record["upload_url"] == f"/api/v1/imports/{record['id']}/data"
    assert (record["filename"], record["options"]["dry_run"]) == ("Zellen ä.zip", True)
    assert record["options"]["class_map"] == {"a": None}
    import_id = record["id"]
    assert cells.offset(import_id) == 0
    sent = cells.send(import_id, 0, CONTENT[:70_000])
    assert (sent.status_code, sent.headers["Upload-Offset"], sent.data) == (204, "70000", b"")
    assert cells.offset(import_id) == 70_000
    assert cells.get(import_id)["state"] == "uploading"
    assert cells.send(import_id, 70_000, CONTENT[70_000:]).headers["Upload-Offset"] == str(len(CONTENT))
    assert cells.get(import_id)["state"] == "queued"
    assert stored(store, import_id) == CONTENT
    assert cells.client.delete(url, headers=cells.headers).status_code == 204
    assert_problem(cells.send(import_id, 0, CONTENT), 404)
    assert sweep(store, AT_ONCE) == NONE
    assert store.database["uploads.chunks"].count_documents({}) == 0


@pytest.mark.parametrize("offset", [1, 69_999, 70_001, 10**12])
def test_a_wrong_offset_is_409_and_changes_nothing(cells: ImportCalls, store: Store, offset: int):
    import_id = begun(cells)
    cells.send(import_id, 0, CONTENT[:70_000])
    assert_problem(cells.send(import_id, offset, b"abc"), 409, "70,000 are stored")
    assert cells.offset(import_id) == 70_000
    assert sweep(store, AT_ONCE) == NONE


def test_of_parallel_parts_at_one_offset_one_counts(cells: ImportCalls, store: Store, session_app: Flask):
    import_id = begun(cells)
    parts = [bytes([number]) * 50_000 for number in range(3)]
    start = threading.Barrier(3)

    def send(part: bytes) -> int:
        calls = ImportCalls(session_app.test_client(), cells.headers["Authorization"][7:], "cells")
        start.wait()
        return calls.send(import_id, 0, part).status_code

    with ThreadPoolExecutor(3) as pool:
        statuses = list(pool.map(send, parts))
    assert sorted(statuses) == [204, 409, 409]
    assert cells.offset(import_id) == 50_000
    assert stored(store, import_id) == parts[statuses.index(204)]
    assert sweep(store, AT_ONCE) == NONE


def test_a_long_part_is_stored_in_pieces(cells: ImportCalls, store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(api.v1.import_upload, "PIECE_BYTES", 20_000)
    import_id = begun(cells)
    assert cells.send(import_id, 0, CONTENT).status_code == 204
    assert store.database["uploads.files"].count_documents({}) > 1
    assert stored(store, import_id) == CONTENT


@pytest.fixture
def address(session_app: Flask) -> Iterator[tuple[str, int]]:
    """Where a real server answers."""
    server = make_server("127.0.0.1", 0, session_app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield "127.0.0.1", server.server_port
    server.shutdown()
    thread.join()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_arrived_before_the_connection_broke_stays(cells: ImportCalls, store: Store, address: tuple[str, int]):
    import_id = begun(cells)
    head = (
        f"PATCH /api/v1/imports/{import_id}/data HTTP/1.1\r\nHost: x\r\nContent-Type: {BODY}\r\n"
        f"Authorization: {cells.headers['Authorization']}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
        f"Content-Length: {len(CONTENT)}\r\n\r\n"
    )
    with socket.create_connection(address) as connection:
        connection.sendall(head.encode() + CONTENT[:70_000])
    wait_until(lambda: cells.offset(import_id) == 70_000)
    assert cells.send(import_id, 70_000, CONTENT[70_000:]).status_code == 204
    assert stored(store, import_id) == CONTENT


def test_a_part_with_a_checksum_counts_only_when_it_is_right(cells: ImportCalls, store: Store):
    import_id = begun(cells)
    right = base64.b64encode(hashlib.sha1(CONTENT[:100], usedforsecurity=False).digest()).decode()
    wrong = cells.send(import_id, 0, CONTENT[:99] + b"?", **{"Upload-Checksum": f"sha1 {right}"})
    assert wrong.status == "460 Checksum Mismatch"
    assert wrong.json
    assert wrong.json["status"] == 460
    assert cells.offset(import_id) == 0
    assert_problem(cells.send(import_id, 0, b"a", **{"Upload-Checksum": "crc32 AAAA"}), 400, "sha1")
    assert cells.send(import_id, 0, CONTENT[:100], **{"Upload-Checksum": f"sha1 {right}"}).status_code == 204
    assert cells.offset(import_id) == 100
    assert sweep(store, AT_ONCE) == NONE


def test_what_uploads_may_not_be_is_refused(cells: ImportCalls):
    assert_problem(cells.create(10 * 1024**3 + 1), 413, "10,737,418,240")
    assert_problem(cells.create(0), 400, "size")
    assert_problem(cells.create(10, format="pdf"), 400, "format", "yolo")
    assert_problem(cells.create(10, on_conflict="merge"), 400, "on_conflict")
    assert_problem(cells.create_by_tus(10, unknown="x"), 400, "unknown")
    headers = {**cells.headers, "Tus-Resumable": "0.2.2", "Upload-Length": "5"}
    refused = cells.client.post(cells.url, headers=headers)
    assert_problem(refused, 412, "1.0.0")
    assert refused.headers["Tus-Version"] == "1.0.0"
    import_id = begun(cells)
    assert_problem(cells.send(import_id, 0, CONTENT + b"x"), 413, f"{len(CONTENT):,}")
    url = f"/api/v1/imports/{import_id}/data"
    assert_problem(cells.client.patch(url, data=b"a", headers={**cells.headers, "Upload-Offset": "0"}), 415, BODY)
    assert_problem(cells.client.patch(url, data=b"a", content_type=BODY, headers=cells.headers), 400, "Upload-Offset")
    assert cells.offset(import_id) == 0


@pytest.mark.parametrize("kind", ["text/csv", "application/zip"])
def test_a_file_without_a_byte_is_told_to_be_empty(cells: ImportCalls, kind: str):
    refused = cells.client.post(f"{cells.url}?filename=a", data=b"", content_type=kind, headers=cells.headers)
    assert_problem(refused, 400, "the body is empty: send the file")
    chunked = {**cells.headers, "Transfer-Encoding": "chunked"}
    refused = cells.client.post(f"{cells.url}?filename=a", content_type=kind, headers=chunked)
    assert_problem(refused, 400, "does not say its size (Content-Length)")


def test_a_user_has_a_bounded_number_of_imports_under_way(cells: ImportCalls):
    made = [cells.create(10).json for _ in range(MOST_OPEN)]
    refused = cells.create(10)
    assert_problem(refused, 429, "20 imports")
    assert refused.headers["Retry-After"]
    assert made[0]
    assert (cells.post(made[0]["id"], "cancel").json or {})["state"] == "cancelled"
    assert cells.create(10).status_code == 201


def test_an_upload_that_is_left_alone_is_given_up_with_its_bytes(cells: ImportCalls, store: Store):
    import_id = begun(cells)
    cells.send(import_id, 0, CONTENT[:100])
    assert store.imports.give_up() == 0
    store.database["imports"].update_one({}, {"$set": {"expires_at": utc_now() - timedelta(seconds=1)}})
    assert store.imports.give_up() == 1
    record = cells.get(import_id)
    assert (record["state"], record["retry_until"]) == ("failed", None)
    assert "no bytes came for 24 h" in record["error"]
    store.imports.drop_pieces()
    assert store.database["uploads.files"].count_documents({}) == 0
    assert_problem(cells.send(import_id, 100, b"x"), 409, "failed")
    assert_problem(cells.post(import_id, "retry"), 409, "upload it again")


def test_a_creation_that_is_made_again_with_its_key_makes_one_import(cells: ImportCalls, store: Store):
    headers = {**cells.headers, "Idempotency-Key": "one"}
    ids = {(cells.client.post(cells.url, json={"size": 5}, headers=headers).json or {})["id"] for _ in range(2)}
    assert len(ids) == 1
    assert store.database["imports"].count_documents({}) == 1


def test_viewers_look_and_editors_import(cells: ImportCalls, other: Caller, store: Store):
    import_id = begun(cells)
    theirs = ImportCalls(cells.client, other.token, "cells")
    assert_problem(theirs.create(10), 404)
    assert_problem(theirs.send(import_id, 0, b"x"), 404)
    member = store.users.find("grace")
    assert member
    project_id = next(iter(store.imports.project_ids()))
    for role, expected in ((Role.VIEWER, 403), (Role.EDITOR, 204)):
        members = [{"user_id": member.id, "role": role.value}]
        store.database["projects"].update_one({"_id": project_id}, {"$set": {"members": members}})
        assert theirs.get(import_id)["state"] == "uploading"
        assert theirs.send(import_id, 0, CONTENT[:100]).status_code == expected
    assert cells.offset(import_id) == 100
    reader = store.tokens.create(member.id, frozenset({Scope.READ}))
    assert_problem(ImportCalls(cells.client, reader, "cells").create(10), 403, "write")


def test_imports_are_listed_newest_first(cells: ImportCalls):
    ids = [begun(cells) for _ in range(3)]
    first = cells.client.get(f"{cells.url}?limit=2", headers=cells.headers).json or {}
    rest = cells.client.get(f"{cells.url}?cursor={first['next']}", headers=cells.headers).json or {}
    assert [item["id"] for item in (*first["items"], *rest["items"])] == ids[::-1]
    assert first["items"][0]["state"] == ImportState.UPLOADING.value
