"""DIYML as its operator starts it, and what is left of it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import psutil

from launch.family import TETHER
from launch.members import is_healthy, member_environment
from settings import Settings
from tests.conftest import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 30.0


def until(holds: Callable[[], object], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Wait until something holds, at most so many seconds of a quick machine."""
    deadline = time.monotonic() + PATIENCE * seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def free_port() -> int:
    """A port nobody listens on, below those the system gives to outgoing connections."""
    for port in range(12_000 + os.getpid() % 4000, 20_000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("no free port")


def gone(process: psutil.Process) -> bool:
    """True when the process has ended, even if nobody has asked for its exit status yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def processes_on(data_dir: Path, part: str = "") -> list[psutil.Process]:
    """Every process that was started for this data folder, whoever its parent is now, by a part of its command line."""
    return [process for process in psutil.process_iter() if _runs_on(process, data_dir, part)]


def _runs_on(process: psutil.Process, data_dir: Path, part: str) -> bool:
    try:
        command = " ".join(process.cmdline())
        is_it = not part or (part in command and TETHER.name not in command)  # a tether becomes it in a moment
        ours = process.environ().get("DIYML_DATA_DIR") == str(data_dir)
        return is_it and ours and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:  # it has ended meanwhile
        return False


def process_on(data_dir: Path, part: str) -> psutil.Process:
    """The one, of several perhaps the oldest, whose command line contains `part`."""
    return min(processes_on(data_dir, part), key=lambda process: (process.create_time(), process.pid))


class Program:
    """A `python DIYML.py` of its own session, as in a terminal of its own."""

    started: ClassVar[list[Program]] = []

    def __init__(self, data_dir: Path, *arguments: str, **environment: str):
        self.settings = Settings(data_dir=data_dir, port=free_port(), web_workers=1, training_niceness=0)
        self.address = f"http://127.0.0.1:{self.settings.port}"
        self._output = data_dir.with_name(f"{data_dir.name}.{time.monotonic_ns()}.out")
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "DIYML.py", *arguments],
                cwd=ROOT,
                env={**member_environment(self.settings), **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(self)

    @property
    def said(self) -> str:
        """What it printed up to now."""
        return self._output.read_text()

    def ready(self) -> Program:
        """Wait for the line that says so."""
        until(lambda: "is ready" in self.said or self.process.poll() is not None, "ready")
        assert "is ready" in self.said, self.said
        return self

    def healthy(self) -> bool:
        """True when the web server answers."""
        return is_healthy("127.0.0.1", self.settings.port)

    def ended(self, seconds: float = DEADLINE_SECONDS) -> int:
        """Its exit status, once it has ended within so many seconds of a quick machine."""
        return self.process.wait(PATIENCE * seconds)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal to the foreground group, as a terminal does, and wait for the exit status."""
        os.killpg(self.process.pid, number)
        return self.ended()

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a GET."""
        connection = http.client.HTTPConnection("127.0.0.1", self.settings.port, timeout=10)
        connection.request("GET", path)
        response = connection.getresponse()
        try:
            return response.status, response.read()
        finally:
            connection.close()
