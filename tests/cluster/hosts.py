"""Network namespaces as machines, each with its own network and host name, on cables that can be pulled.

A process holds each of them, and ends with the tests however those end; then its namespaces and cables are gone too.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from launch.family import Family, Member

TOOLS = ("ip", "unshare", "nsenter", "hostname")
MISSING = "no network namespaces can be made here: run the tests as root, with iproute2 installed"


def possible() -> bool:
    """Whether this machine lets us."""
    if not all(map(shutil.which, TOOLS)):
        return False
    probe = ["unshare", "--net", "--uts", "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


class Host:
    """One machine."""

    def __init__(self, name: str, address: str):
        self.name = name
        self.address = address
        hold = f"hostname {name} && exec sleep infinity"
        environment = {"PATH": os.environ["PATH"]}
        self.member = Member(name, ["unshare", "--net", "--uts", "sh", "-c", hold], environment, ready=self._is_apart)

    @property
    def enter(self) -> tuple[str, ...]:
        """A command that runs another one here."""
        return ("nsenter", f"--net=/proc/{self._pid}/ns/net", f"--uts=/proc/{self._pid}/ns/uts")

    def ip(self, command: str) -> None:
        """Set up its network."""
        run([*self.enter, "ip", *command.split()])

    @property
    def _pid(self) -> int:
        assert self.member.process is not None
        return self.member.process.pid

    def _is_apart(self) -> bool:
        """The process has its namespaces, and has become what it shall be."""
        return Path(f"/proc/{self._pid}/comm").read_text() == "sleep\n"

    def take(self, end: str) -> None:
        """Take one end of a cable."""
        run(["ip", "link", "set", end, "netns", str(self._pid)])
        self.ip(f"link set {end} up")


class Network:
    """A machine that serves, and others that each hang on it by a cable of their own; so does the one of the tests."""

    def __init__(self, names: list[str]):
        self._mark = secrets.token_hex(3)
        # Set aside for measuring networks (RFC 2544), so nobody's own.
        net = f"198.18.{random.randrange(256)}"
        self.server = Host("server", f"{net}.1")
        self.hosts = [Host(name, f"{net}.{number}") for number, name in enumerate(names, 3)]
        self._outside = f"{net}.2"
        self._family = Family([host.member for host in (self.server, *self.hosts)], sys.stderr.write)

    def start(self) -> None:
        """Put up machines and cables."""
        self._family.start()
        self.server.ip("link set lo up")
        self.server.ip(f"addr add {self.server.address}/32 dev lo")
        for host in self.hosts:
            here, there = self._cable(host.name)
            self.server.take(here)
            host.take(there)
            host.ip("link set lo up")
            host.ip(f"addr add {host.address}/32 dev {there}")
            host.ip(f"route add {self.server.address} dev {there}")
            self.plug(host)
        here, there = self._cable("outside")
        self.server.take(here)
        self.server.ip(f"route add {self._outside} dev {here}")
        run(["ip", "link", "set", there, "up"])
        run(["ip", "addr", "add", f"{self._outside}/32", "dev", there])
        run(["ip", "route", "add", self.server.address, "dev", there])

    def stop(self) -> None:
        """Take them down; a cable goes with either of its ends."""
        self._family.stop()

    def pull(self, host: Host) -> None:
        """Cut a machine off: what it sends is lost, and nobody is told."""
        self.server.ip(f"link set {self._ends(host.name)[0]} down")

    def plug(self, host: Host) -> None:
        """Connect it again."""
        here = self._ends(host.name)[0]
        self.server.ip(f"link set {here} up")
        self.server.ip(f"route replace {host.address} dev {here}")

    def _cable(self, name: str) -> tuple[str, str]:
        here, there = self._ends(name)
        run(["ip", "link", "add", here, "type", "veth", "peer", "name", there])
        return here, there

    def _ends(self, name: str) -> tuple[str, str]:
        return f"{self._mark}-{name[:6]}-s", f"{self._mark}-{name[:6]}-h"


def run(command: list[str]) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
