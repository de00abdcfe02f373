"""Which worker process holds a job, and whether it can still be alive."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Identity:
    """One worker process, ever.

    Attributes:
        machine: tells this boot and this process namespace from all others, so that equal host names do not matter.
        started: when the process began, seconds since 1970; a process id alone comes back.
    """

    host: str
    machine: str
    pid: int
    started: float

    @classmethod
    def of_this_process(cls) -> Identity:
        """The process that calls."""
        process = psutil.Process()
        return cls(socket.gethostname(), _machine(), process.pid, process.create_time())

    def __str__(self) -> str:
        return f"{self.host}/{self.machine}/{self.pid}/{self.started}"

    def pid_here(self, name: str | None) -> int | None:
        """The process that `name` is, if it is one of this machine."""
        with suppress(ValueError):  # a name of another form
            host, machine, pid, _ = str(name).split("/")
            return int(pid) if (host, machine) == (self.host, self.machine) else None
        return None

    def knows_gone(self, name: str | None) -> bool:
        """Whether `name` is a worker of this machine whose process has ended; False when that cannot be known."""
        with suppress(ValueError):  # a name of another form
            host, machine, pid, started = str(name).split("/")
            if (host, machine) != (self.host, self.machine):
                return False
            try:
                process = psutil.Process(int(pid))
                return process.create_time() != float(started) or process.status() == psutil.STATUS_ZOMBIE
            except psutil.NoSuchProcess:
                return True
        return False


def _machine() -> str:
    parts = [str(psutil.boot_time())]
    with suppress(OSError):  # only Linux has these
        parts = [Path("/proc/sys/kernel/random/boot_id").read_text().strip()]
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return "-".join(parts)
