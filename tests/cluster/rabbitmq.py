"""A RabbitMQ of the tests' own: own node, ports, folder and cookie, and gone when they are, however they end."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from launch.family import Family, Member

SERVER = shutil.which("rabbitmq-server")
MISSING = "no RabbitMQ on this machine: apt-get install rabbitmq-server"
USER = "diyml"
# To configure, write and read what these match: what docs/growing.md gives to DIYML, and nothing else.
RIGHTS = ("^diyml", "^(diyml|amq.default)", "^diyml")
# Below the range from which the system takes ports for outgoing connections.
PORTS = range(20_000, 32_000)
# How old what it says of its queues may be; 5 s unless told otherwise.
TICK_MS = 100


class Queue(NamedTuple):
    """What RabbitMQ says of a queue."""

    name: str
    type: str
    durable: str
    messages: int
    messages_unacknowledged: int
    consumers: int


class RabbitMQ:
    """One node, with nothing but AMQP.

    Args:
        host: the address it listens on.
        around: a command that the programs are run under, such as one that enters a network namespace.
    """

    def __init__(self, folder: Path, host: str = "127.0.0.1", around: tuple[str, ...] = ()):
        self._folder = folder
        self._host = host
        self._around = around
        self._port, self._between_nodes, self._names = free_ports(3)
        self._password = secrets.token_urlsafe(12)
        # What is on PATH becomes another user first; the program itself lies beside it.
        self._programs = Path(str(SERVER)).resolve().parent
        self._environment = self._prepare()
        self._mapper = Family([self._member("epmd", ["epmd"], self._names)], sys.stderr.write)
        self._node = Family(
            [self._member("RabbitMQ", [self._program("rabbitmq-server")], self._port)], sys.stderr.write
        )

    @property
    def url(self) -> str:
        """For `CELERY_BROKER_URL`."""
        return f"amqp://{USER}:{self._password}@{self._host}:{self._port}//"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._mapper.start()
        self._node.start()
        self._control("await_startup")  # it listens before its users are there
        self._control("set_permissions", USER, *RIGHTS)

    def stop(self) -> None:
        """End it in order."""
        self._node.stop()
        self._mapper.stop()

    def freeze(self) -> None:
        """Let it neither answer nor go away."""
        self._node.members[0].signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._node.members[0].signal(signal.SIGCONT)

    def queues(self) -> list[Queue]:
        """All its queues."""
        rows = self._ask("list_queues", *Queue._fields)
        return [Queue(*row[:3], *map(int, row[3:])) for row in rows]

    def confirms(self) -> list[str]:
        """For each channel, `true` when what is published on it is confirmed."""
        return [row[0] for row in self._ask("list_channels", "confirm")]

    def _ask(self, *arguments: str) -> list[list[str]]:
        return [line.split("\t") for line in self._control(*arguments, "--no-table-headers").splitlines()]

    def _control(self, *arguments: str) -> str:
        command = [*self._around, self._program("rabbitmqctl"), "--quiet", *arguments]
        run = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=True, timeout=240)
        return run.stdout

    def _program(self, name: str) -> str:
        return str(self._programs / name)

    def _member(self, name: str, command: list[str], port: int) -> Member:
        return Member(
            name=name,
            command=[*self._around, *command],
            environment=self._environment,
            log=self._folder / f"{name}.log",
            ready=lambda: self._answers(port),
            stop_seconds=30,
            death_signal=signal.SIGKILL,
        )

    def _answers(self, port: int) -> bool:
        if port == self._names:
            return True  # the node waits for it, and it may listen where we cannot reach it
        try:
            socket.create_connection((self._host, port), timeout=1).close()
        except OSError:
            return False
        return True

    def _prepare(self) -> dict[str, str]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._folder / ".erlang.cookie").write_text(secrets.token_hex(16))
        (self._folder / ".erlang.cookie").chmod(0o400)
        (self._folder / "enabled_plugins").write_text("[].\n")
        (self._folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = {self._host}:{self._port}\n"
            f"default_user = {USER}\ndefault_pass = {self._password}\nloopback_users = none\n"
            "disk_free_limit.absolute = 10MB\nlog.console = true\nlog.file = false\n"
        )
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self._folder),
            "ERL_EPMD_PORT": str(self._names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"tests-{secrets.token_hex(4)}@localhost",
            "RABBITMQ_DIST_PORT": str(self._between_nodes),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_LOG_BASE": str(self._folder / "logs"),
            "RABBITMQ_PID_FILE": str(self._folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "enabled_plugins"),
            # The machine's own configuration is none of our business.
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self._folder / "none"),
            "RABBITMQ_CONF_ENV_FILE": str(self._folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": " ".join(
                ["+S 1:1", "-kernel inet_dist_use_interface {127,0,0,1}", f"-rabbit quorum_tick_interval {TICK_MS}"]
            ),
            # The script then becomes the server, instead of staying beside it.
            "RUNNING_UNDER_SYSTEMD": "true",
        }


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on."""
    found: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no free ports")
