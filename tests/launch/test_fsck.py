"""`diyml fsck` as its operator calls it."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from demo.client import Client
from launch.folder import holder_of
from launch.fsck import Progress
from launch.fsck import fsck as check
from settings import Settings
from storage.mongod import EmbeddedMongod
from tests.conftest import encoded
from tests.demo.test_story import Screen
from tests.launch.program import Program, processes_on, until
from tests.training.conftest import shade


def fsck(data_dir: Path, *options: str, **environment: str) -> tuple[int, str]:
    """Exit status, and what it said."""
    program = Program(data_dir, "fsck", *options, **environment)
    return program.ended(60), program.said


def tell_the_story(address: str) -> None:
    """From sign-up to an inference, with a worker's real training in between."""
    user = Client(address, "ada")
    user.call("PUT", "/upload/project", project_name="shades", project_type="classification")
    user.call("PUT", "/upload/class_info", project_name="shades", class_info="dark|bright")
    for number in range(12):
        label, value = ("dark", 50) if number % 2 else ("bright", 200)
        sent: dict[str, Any] = {"image_data": encoded(shade(value, number)), "label_data": label}
        user.call("PUT", "/upload/data_point", project_name="shades", data_point_name=f"{number}.png", **sent)
    user.call("PUT", "/train", project_name="shades", train_split=0.8, epochs=1, image_size=32, batch=4)
    until(lambda: user.training("shades")["state"] == "succeeded", "trained", 90)
    user.call("PUT", "/publish", project_name="shades", is_published="True")
    assert user.infer("shades", shade(50, 0))


@pytest.mark.story
def test_after_a_real_story_nothing_is_wrong_and_what_is_lost_then_is_told(data_dir: Path) -> None:
    program = Program(data_dir).ready()
    tell_the_story(program.address)
    status, said = fsck(data_dir)
    assert (status, "0 things wrong, 0 mended" in said) == (0, True), said
    assert "ok             1  Every published project can serve." in said
    with MongoClient[dict](EmbeddedMongod(data_dir).connection().uri) as client:
        database = client.get_database("diyml")
        lost = database["images"].find_one({"name": "3.png"})
        assert lost
        database["images.chunks"].delete_many({"files_id": lost["file_id"]})
        database["tokens"].drop_index("digest_1")
    assert program.end() == 0

    status, said = fsck(data_dir, "--quick")
    assert status == 1
    assert "2 things wrong, 0 mended" in said
    assert "wrong: data point '3.png' of project 'shades': parts of its file are lost. To do: upload the data" in said
    assert "No content of files was read (--quick)." in said
    assert "With --repair it mends what can be mended." in said
    status, said = fsck(data_dir, "--repair")
    assert status == 1
    assert "mended: index 'digest_1' of the collection 'tokens'" in said
    assert "1 thing wrong, 1 mended" in said
    assert processes_on(data_dir) == []


def test_a_folder_without_a_database_is_no_healthy_one_and_stays_as_it_is(data_dir: Path) -> None:
    status, said = fsck(data_dir)
    assert status == 3
    assert "there is no database in" in said
    assert not data_dir.exists()


def test_an_empty_database_is_not_checked(mongo_uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(Settings(mongo_uri=mongo_uri, database="of_another_name"), print) == 3
    assert "the database 'of_another_name' is empty: DIYML_DATABASE names" in capsys.readouterr().err


def test_a_database_that_does_not_answer_is_not_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert check(Settings(mongo_uri=f"mongodb://me:hush@127.0.0.1:{taken.getsockname()[1]}"), print) == 3
    said = capsys.readouterr().err
    assert "no MongoDB answers" in said
    assert "hush" not in said


def test_a_check_has_the_folder_to_itself_and_leaves_no_database_behind_when_it_is_interrupted(data_dir: Path) -> None:
    EmbeddedMongod(data_dir).prepare()
    checking = Program(data_dir, "fsck")
    until(lambda: processes_on(data_dir, "--dbpath"), "its database runs")
    os.killpg(checking.process.pid, signal.SIGSTOP)
    status, said = fsck(data_dir)
    assert status == 3
    assert "its database is being checked" in said
    for number in (signal.SIGINT, signal.SIGCONT):
        os.killpg(checking.process.pid, number)
    assert checking.ended(60) == 3
    assert processes_on(data_dir) == []
    assert holder_of(data_dir) is None


def test_an_option_that_it_does_not_know_is_misuse(data_dir: Path) -> None:
    assert fsck(data_dir, "--fix")[0] == 2


def test_a_terminal_sees_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("launch.fsck._PROGRESS_SECONDS", 0)
    monkeypatch.setattr("sys.stdout", Screen(is_terminal=True))
    screen, pipe = Screen(is_terminal=True), Screen(is_terminal=False)
    for stream in (screen, pipe):
        Progress(stream).show(1234)
    assert (screen.getvalue(), pipe.getvalue()) == ("\r\x1b[2K1,234 looked at", "")
