from __future__ import annotations

import json
import os
import signal
import socket
import stat
from pathlib import Path

import pytest
from pymongo import MongoClient

from storage.mongod import EmbeddedMongod
from tests.launch.program import Program, gone, process_on, processes_on, until


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_starts_and_a_signal_ends_it_without_leaving_a_process(data_dir: Path, number: int):
    program = Program(data_dir).ready()
    assert program.get("/health")[0] == 200
    assert program.end(number) == 0
    assert processes_on(data_dir) == []
    assert program.address in program.said
    assert str(data_dir) in program.said
    assert "embedded MongoDB" in program.said
    assert EmbeddedMongod(data_dir).connection().password not in program.said
    assert {stat.S_IMODE(path.stat().st_mode) for path in (data_dir, data_dir / "mongo", data_dir / "logs")} == {0o700}


def test_a_signal_while_it_starts_ends_it_too(data_dir: Path):
    program = Program(data_dir)
    until(lambda: processes_on(data_dir, "--dbpath"), "database started")
    assert program.end(signal.SIGINT) == 0
    assert processes_on(data_dir) == []


def test_a_second_start_says_so_and_status_and_stop_find_the_first(data_dir: Path):
    first = Program(data_dir).ready()
    second = Program(data_dir)
    assert second.ended(10) == 1
    assert f"already running on {data_dir} (process {first.process.pid}, {first.address})" in second.said
    assert first.healthy()
    status = Program(data_dir, "status")
    assert status.ended(10) == 0
    assert first.address in status.said
    assert Program(data_dir, "stop").ended(20) == 0
    assert first.ended(5) == 0
    assert processes_on(data_dir) == []


def test_a_port_that_is_taken_is_named_and_nothing_is_left(data_dir: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        program = Program(data_dir, "--port", str(port))
        assert program.ended(10) == 1
    assert f"port {port} on 127.0.0.1 is taken" in program.said
    assert processes_on(data_dir) == []


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--port", "0"], {}, "DIYML_PORT must be 1..65535, got 0"),
        ([], {"DIYML_WEB_WORKERS": "many"}, "DIYML_WEB_WORKERS must be"),
        ([], {"DIYML_WEB_THREADS": "0"}, "DIYML_WEB_THREADS must be 1..1024, got 0"),
        ([], {"DIYML_DEVICES": "tpu"}, "DIYML_DEVICES must be auto or a list such as cpu, gpu, gpu:0,gpu:1,cpu"),
        ([], {"DIYML_LOG_LEVEL": "loud"}, "DIYML_LOG_LEVEL must be one of"),
        (["--colour"], {}, "unrecognized arguments: --colour"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(
    data_dir: Path, arguments: list[str], environment: dict[str, str], message: str
):
    program = Program(data_dir, *arguments, **environment)
    assert program.ended(10) == 2
    assert message in program.said
    assert "Traceback" not in program.said


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    program = Program(tmp_path / "other", DIYML_DATA_DIR=str(tmp_path / "file" / "data"))
    assert program.ended(10) == 1
    assert "cannot write in the data folder" in program.said


def test_a_gpu_that_is_not_there_is_named_and_nothing_is_started(data_dir: Path):
    program = Program(data_dir, DIYML_DEVICES="gpu:97")
    assert program.ended(60) == 1
    assert "DIYML_DEVICES asks for 'gpu:97', but" in program.said
    assert processes_on(data_dir) == []
    assert not (data_dir / "mongo").exists()


def test_a_mongodb_that_does_not_answer_is_named_without_its_password(data_dir: Path):
    program = Program(data_dir, MONGO_URI="mongodb://me:hush@127.0.0.1:1/")
    assert program.ended(15) == 1
    assert "no MongoDB answers at 127.0.0.1:1" in program.said
    assert "hush" not in program.said


def test_a_given_mongodb_is_used_and_none_is_started(data_dir: Path, mongo_uri: str):
    program = Program(data_dir, MONGO_URI=mongo_uri).ready()
    assert "your MongoDB" in program.said
    assert not (data_dir / "mongo").exists()


def test_a_killed_database_comes_back_with_every_acknowledged_write_and_a_killed_web_server_too(data_dir: Path):
    program = Program(data_dir).ready()
    with MongoClient[dict](EmbeddedMongod(data_dir).connection().uri, journal=True) as client:
        notes = client.get_database("diyml").get_collection("notes")
        for number in range(50):
            notes.insert_one({"_id": number})
        for part in ("--dbpath", "launch.web"):
            killed = process_on(data_dir, part)
            killed.kill()
            until(lambda: gone(killed), "killed")  # noqa: B023 - called before the next turn
        assert notes.count_documents({}) == 50
    until(program.healthy, "healthy again")
    assert "database ended, killed by signal 9" in program.said
    assert "web server ended, killed by signal 9" in program.said


@pytest.mark.story
def test_with_its_parent_killed_nothing_lingers_and_the_next_start_needs_no_hand(data_dir: Path):
    first = Program(data_dir).ready()
    with MongoClient[dict](EmbeddedMongod(data_dir).connection().uri, journal=True) as client:
        client.get_database("diyml").get_collection("notes").insert_one({"_id": 1})
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    second = Program(data_dir, "--port", str(first.settings.port)).ready()
    with MongoClient[dict](EmbeddedMongod(data_dir).connection().uri, journal=True) as client:
        assert client.get_database("diyml").get_collection("notes").count_documents({}) == 1
    os.kill(second.process.pid, signal.SIGKILL)
    second.process.wait()
    until(lambda: not processes_on(data_dir), "nothing lingers")


@pytest.mark.parametrize(("command", "name"), [("worker", "worker"), ("web", "web server")])
def test_a_part_alone_needs_a_database(data_dir: Path, command: str, name: str):
    program = Program(data_dir, command)
    assert program.ended(10) == 1
    assert f"a {name} alone needs MONGO_URI" in program.said


def test_a_web_server_alone_starts_neither_database_nor_worker(data_dir: Path, mongo_uri: str):
    # A database of its own: in the other one the worker of another test may have been there a moment ago.
    program = Program(data_dir, "web", MONGO_URI=mongo_uri, DIYML_DATABASE="web_alone")
    until(lambda: "Ctrl-C ends it" in program.said or program.process.poll() is not None, "ready")
    assert f"Web server at {program.address} for the database MongoDB" in program.said

    def misses_a_worker_alone() -> bool:
        status, answer = program.get("/ready")
        return (status, [error["field"] for error in json.loads(answer)["errors"]]) == (503, ["worker"])

    until(misses_a_worker_alone, "all but a worker is there")
    assert not process_of_worker(data_dir)
    assert program.end() == 0
    assert processes_on(data_dir) == []
    assert not (data_dir / "mongo").exists()


def test_a_worker_alone_starts_neither_database_nor_web_server(data_dir: Path, mongo_uri: str):
    program = Program(data_dir, "worker", MONGO_URI=mongo_uri)
    until(lambda: process_of_worker(data_dir), "worker started")
    assert not program.healthy()
    assert program.end() == 0
    assert processes_on(data_dir) == []
    assert not (data_dir / "mongo").exists()


def process_of_worker(data_dir: Path) -> bool:
    return bool(processes_on(data_dir, "training.worker"))
