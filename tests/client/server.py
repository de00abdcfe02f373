"""A web process with its engine, that can be killed, started again, and filled."""

from __future__ import annotations

import signal
import subprocess
import sys

import psutil

from inference.service.room import Room
from launch.members import is_healthy, member_environment
from tests.api.test_overload import WebServer
from tests.conftest import wait_until


class MortalServer(WebServer):
    """One that has bad moments."""

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._settings.port}"

    def kill_web(self) -> None:
        """`kill -9` the web server; the engine stays."""
        # Its workers too: they would end by themselves, and hold the port until then.
        for process in psutil.Process(self._processes[0].pid).children(recursive=True):
            process.kill()
        self._processes[0].kill()
        self._processes[0].wait()

    def start_web(self) -> None:
        """Start it again, at the same address."""
        environment = member_environment(self._settings)
        self._processes[0] = subprocess.Popen([sys.executable, "-m", "launch.web"], env=environment)
        wait_until(lambda: is_healthy("127.0.0.1", self._settings.port), 60)

    def go_on(self) -> None:
        """Let an engine that was filled work again."""
        self._processes[1].send_signal(signal.SIGCONT)
        Room(self._folder.room).tell(1)
