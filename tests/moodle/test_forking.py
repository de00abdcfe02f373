"""The process that tasks are forked from: each has one of its own, and none outlives who asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from moodle.forking import ForkServer
from moodle.tasks import ANSWER, DATA, MADE_MODEL, TASK
from moodle.workers import Processes
from settings import Settings
from tests.conftest import wait_until
from tests.moodle.data import labelled
from tests.moodle.processes import fork_servers


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    """One that stays for the tests here."""
    found = ForkServer(Settings(moodle_idle_seconds=600, training_niceness=0))
    yield found
    found.close()


def _training(folder: Path, content: bytes) -> Path:
    folder.mkdir()
    (folder / TASK).write_text(json.dumps({"do": "train"}))
    (folder / DATA).write_bytes(content)
    return folder


def _fork(server: ForkServer, folder: Path, content: bytes) -> psutil.Process | None:
    """The parent of the process that worked on a folder, once that has ended."""
    with (_training(folder, content) / "output").open("wb") as output:
        forked = server.fork(folder, output.fileno())
    try:
        parent = psutil.Process(forked.pid).parent() if psutil.pid_exists(forked.pid) else None
        wait_until(lambda: forked.has_ended(1.0), 240)
    finally:
        forked.close()
    return parent


def test_each_task_has_a_process_of_its_own_forked_from_one_that_has_a_single_thread(
    server: ForkServer, tmp_path: Path
):
    parent = _fork(server, tmp_path / "one", labelled(400))
    assert (tmp_path / "one" / MADE_MODEL).exists()
    assert parent is not None
    assert parent.num_threads() == 1
    again = threading.Thread(target=_fork, args=(server, tmp_path / "two", labelled(30)))
    again.start()
    assert _fork(server, tmp_path / "three", labelled(400)) == parent
    again.join(240)
    assert json.loads((tmp_path / "two" / ANSWER).read_text())["status"] == 0
    wait_until(lambda: parent.children() == [], 60)  # it takes leave of the last one a moment after that has ended


def test_when_it_has_ended_another_one_is_started(server: ForkServer, tmp_path: Path):
    first = _fork(server, tmp_path / "one", labelled(400))
    assert first is not None
    first.kill()
    second = _fork(server, tmp_path / "two", labelled(400))
    assert second not in (None, first)
    server.close()
    wait_until(lambda: not second.is_running(), 60)


def test_one_that_has_ended_meanwhile_is_loaded_anew_ahead_of_the_next_task():
    others, server = fork_servers(psutil.Process()), ForkServer(Settings(moodle_idle_seconds=600))

    def loaded() -> set[psutil.Process]:
        return fork_servers(psutil.Process()) - others

    server.start()
    (first,) = loaded()
    server.start()
    assert loaded() == {first}
    first.kill()
    wait_until(lambda: first.status() == psutil.STATUS_ZOMBIE, 60)
    server.start()
    (second,) = loaded()
    assert second != first
    server.close()
    assert loaded() == set()


def test_it_ends_when_nothing_comes_and_work_goes_on_with_another(tmp_path: Path):
    processes = Processes(Settings(moodle_idle_seconds=0, training_niceness=0))
    for name in ("one", "two"):
        assert processes.do({"do": "train"}, _training(tmp_path / name, labelled(30)))["status"] == 0
    processes.close()
