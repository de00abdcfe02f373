"""A server under test: started, waited for, held still while another is measured, stopped."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from launch.family import TETHER

ROOT = Path(__file__).resolve().parent.parent.parent
HOST = "127.0.0.1"
_READY_SECONDS = 120.0


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


@dataclass(frozen=True)
class Program:
    """A server; `ready` is a GET path that answers 200 once it can be used.

    Attributes:
        log: what it says goes here.
        more: environment variables.
        stop_seconds: how long it may take to end before it is killed with all it has started.
    """

    name: str
    command: list[str]
    port: int
    ready: str
    log: Path
    more: tuple[tuple[str, str], ...] = ()
    stop_seconds: float = 3.0

    @contextlib.contextmanager
    def running(self) -> Iterator[Process]:
        """Run it while the block lasts; it is ready when the block begins."""
        with self.started() as process:
            process.wait_until_ready()
            yield process

    @contextlib.contextmanager
    def started(self) -> Iterator[Process]:
        """Run it while the block lasts."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **dict(self.more)}
        with self.log.open("ab") as log:
            # It ends with us, however we end; the interpreter that sees to it takes some milliseconds from each alike.
            tether = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), str(int(signal.SIGTERM))]
            begun = time.perf_counter()
            child = subprocess.Popen(
                [*tether, *self.command],
                cwd=self.log.parent,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        process = Process(self, psutil.Process(child.pid), begun)
        try:
            yield process
        finally:
            process.resume()
            process.stop(child)


@dataclass(frozen=True)
class Process:
    """A program that runs; `begun` is when it was started, by `time.perf_counter()`."""

    program: Program
    process: psutil.Process
    begun: float

    def wait_until_ready(self) -> None:
        """Wait for a 200.

        Raises:
            RuntimeError: it ended, or none came in two minutes.
        """
        while time.perf_counter() < self.begun + _READY_SECONDS:
            if get(self.program.port, self.program.ready) == http.client.OK:
                return
            if not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE:
                break
            time.sleep(0.02)  # Nobody tells when a server listens.
        raise RuntimeError(f"{self.program.name} did not start; its log is {self.program.log}")

    def pause(self) -> None:
        """Keep it from taking any time of the machine."""
        for process in self._all():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def resume(self) -> None:
        """Let it go on."""
        for process in self._all():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def stop(self, child: subprocess.Popen[bytes]) -> None:
        """End it with all it has started."""
        everybody = self._all()
        child.terminate()
        _, left = psutil.wait_procs(everybody, self.program.stop_seconds)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        child.wait()

    def _all(self) -> list[psutil.Process]:
        try:
            return [self.process, *self.process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def get(port: int, path: str) -> int:
    """The status of a GET; 0 when nobody answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def post(port: int, path: str, body: bytes, kind: str = "image/jpeg", token: str = "") -> tuple[int, bytes]:
    """Status and content of a POST; 0 when nobody answers."""
    headers = {"Content-Type": kind, **({"Authorization": f"Bearer {token}"} if token else {})}
    return _send("POST", port, path, body, headers)


def put(port: int, path: str, body: bytes, kind: str) -> tuple[int, bytes]:
    """Status and content of a PUT; 0 when nobody answers."""
    return _send("PUT", port, path, body, {"Content-Type": kind})


def _send(method: str, port: int, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
