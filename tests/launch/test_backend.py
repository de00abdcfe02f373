from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from launch.backend import ensure
from launch.family import LaunchError
from launch.members import member_environment
from settings import Settings
from tests.launch.program import Program, gone, process_on, processes_on, until

USER = """
import sys
from launch.backend import ensure
from settings import Settings
print(ensure(Settings.from_environment()).mongo_uri, flush=True)
sys.stdin.read()
"""


class User:
    """A program that imports DIYML and has nothing configured."""

    def __init__(self, data_dir: Path):
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER],
            env=member_environment(Settings(data_dir=data_dir)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def uri(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def end(self, number: int = 0) -> None:
        if number:
            self.process.send_signal(number)
        self.process.communicate()


@pytest.mark.story
def test_first_uses_at_once_share_one_database(data_dir: Path):
    users = [User(data_dir) for _ in range(4)]
    uris = {user.uri() for user in users}
    assert len(uris) == 1
    assert uris.pop().startswith("mongodb://")
    assert len(processes_on(data_dir, "--dbpath")) == 1
    users[0].end(signal.SIGKILL)
    for user in users[1:-1]:
        user.end()
    refused = Program(data_dir)
    assert refused.ended(20) == 1
    assert "a database for programs that import DIYML runs on it" in refused.said
    assert process_on(data_dir, "--dbpath").is_running()
    users[-1].end()
    # The next start has the patience for a backend that is on its way out.
    Program(data_dir).ready()
    assert len(processes_on(data_dir, "--dbpath")) == 1


def test_the_database_goes_after_the_last_user(data_dir: Path):
    user = User(data_dir)
    assert user.uri()
    user.end(signal.SIGKILL)
    until(lambda: not processes_on(data_dir), "gone after the last user")


def test_a_family_that_runs_is_used_by_processes_and_threads(data_dir: Path):
    program = Program(data_dir).ready()
    user = User(data_dir)
    uri = user.uri()
    assert f"127.0.0.1:{_port_of(program)}" in uri
    user.end()
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append(ensure(Settings(data_dir=data_dir)).mongo_uri)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [uri] * 8
    assert len(processes_on(data_dir, "--dbpath")) == 1


def test_a_killed_backend_is_replaced_at_the_next_ask(data_dir: Path):
    user = User(data_dir)
    first = user.uri()
    backend = process_on(data_dir, "launch.backend")
    backend.kill()
    until(lambda: gone(backend), "killed")
    other = User(data_dir)
    assert other.uri() == first
    user.end()
    other.end()


def test_a_given_mongodb_starts_nothing(data_dir: Path):
    settings = Settings(data_dir=data_dir, mongo_uri="mongodb://elsewhere")
    assert ensure(settings) is settings
    assert not data_dir.exists()


def test_what_keeps_the_database_from_starting_is_told(data_dir: Path):
    (data_dir / "mongo").mkdir(parents=True)
    (data_dir / "mongo" / "connection.json").write_text("{")
    with pytest.raises(LaunchError, match=r"connection\.json is damaged"):
        ensure(Settings(data_dir=data_dir))


def _port_of(program: Program) -> str:
    return program.said.split("at 127.0.0.1:")[1].split("\n")[0]
