"""A real RabbitMQ on this machine, of its own folder, node name and ports, that leaves nothing behind."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import uuid
from pathlib import Path

from tests.conftest import wait_until

_PLACES = ("/usr/lib/rabbitmq/bin/rabbitmq-server",)
_LOOPBACK = "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false"


def find_rabbitmq() -> str | None:
    """The server's start script; the one on PATH is often a wrapper that wants to be root."""
    return next((path for path in _PLACES if Path(path).exists()), shutil.which("rabbitmq-server"))


class RabbitMQ:
    """One node; `start` and `stop` may follow each other, and keep what is durable."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._name = f"diyml{uuid.uuid4().hex[:8]}@localhost"
        self.port, self._distribution_port, self._epmd_port = _free_ports(3)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self._epmd: subprocess.Popen[bytes] | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the node and wait until it takes connections."""
        self._folder.mkdir(parents=True, exist_ok=True)
        environment = self._environment()
        with (self._folder / "output.log").open("ab") as log:
            if self._epmd is None:
                # One that the node started would outlive it.
                command = ["epmd", "-address", "127.0.0.1", "-port", str(self._epmd_port)]
                self._epmd = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            self.process = subprocess.Popen(
                [str(find_rabbitmq())], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self._greets, 120)

    def _environment(self) -> dict[str, str]:
        folder = self._folder
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._name,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _LOOPBACK,
        }

    def _greets(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self._folder / "output.log").read_text()[-2000:]
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as connection:
                connection.sendall(b"AMQP\0\0\x09\x01")
                return bool(connection.recv(1))
        except OSError:
            return False

    def signal(self, number: int) -> None:
        """Send the node a signal, such as SIGSTOP."""
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def stop(self) -> None:
        """End the node; what is durable stays in the folder."""
        if self.process is None:
            return
        self.signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def close(self) -> None:
        """End everything that was started."""
        self.stop()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()


def _free_ports(count: int) -> list[int]:
    """Ports nobody listens on, below those the system gives to outgoing connections."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(14_000, 20_000)
        with socket.socket() as probe:
            if port not in found and probe.connect_ex(("127.0.0.1", port)):
                found.append(port)
    return found
