"""Members started in order, kept alive, and ended in the opposite order."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from launch.signals import Pauses

TETHER = Path(__file__).with_name("tether.py")
LARGE_LOG_BYTES = 10_000_000
LOOK_SECONDS = 0.02
FIRST_PAUSE_SECONDS = 0.25
# However often it ends, a member is back within half a minute, its own start included.
LONGEST_PAUSE_SECONDS = 15.0
STEADY_SECONDS = 30.0


class LaunchError(RuntimeError):
    """DIYML cannot start; the message is for the operator and says what to do."""


@dataclass
class Member:
    """One process of the family: how to start it, when it is ready, and how to end it."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path | None = None
    ready: Callable[[], bool] | None = None
    why_it_ended: Callable[[], str] | None = None
    ready_seconds: float = 60.0
    stop_seconds: float = 10.0
    hurried_stop_seconds: float = 0.0
    # What it gets when the parent is killed; the parent cannot follow up then, so one signal has to be enough.
    death_signal: int = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    started_at: float = field(default=0.0, init=False)
    pause_seconds: float = field(default=0.0, init=False)
    due_at: float = field(default=0.0, init=False)

    def spawn(self) -> None:
        """Start the process; Ctrl-C in the terminal reaches the parent only, since the tether leaves its group."""
        tether = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), str(int(self.death_signal))]
        with _open_log(self.log) as log:
            self.process = subprocess.Popen(
                tether + self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT if log else None,
            )
        self.started_at = time.monotonic()

    def ended(self) -> bool:
        """True when the process was started and is gone."""
        return self.process is not None and self.process.poll() is not None

    def signal(self, number: int) -> None:
        """Send a signal to the process; one that is gone already is no fault."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def sweep(self) -> None:
        """Kill what the process may have left in its group, and forget it."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def end_in_words(self) -> str:
        """How the process ended: `killed by signal 9`, `exit status 1`."""
        status = self.process.returncode if self.process else 0
        return f"killed by signal {-status}" if status < 0 else f"exit status {status}"

    def reason(self) -> str:
        """The last thing the process said."""
        if self.why_it_ended:
            return self.why_it_ended()
        lines = self.log.read_text(errors="replace").split("\n") if self.log and self.log.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


class Family:
    """Starts members in the given order, each once the one before it is ready, and ends them in reverse."""

    def __init__(self, members: list[Member], say: Callable[[str], None], pauses: Pauses | None = None):
        self.members = members
        self._say = say
        self._pauses = pauses or Pauses()

    def start(self) -> bool:
        """Start every member.

        Returns:
            False when a stop signal came before all were ready.

        Raises:
            LaunchError: a member ended or did not get ready; those that run are left to `stop`.
        """
        for member in self.members:
            member.spawn()
            if not self._wait_until_ready(member):
                return False
        return True

    def _wait_until_ready(self, member: Member) -> bool:
        while member.ready and not member.ready():
            if self._pauses.stops:
                return False
            if member.ended():
                self._pauses.wait(0)
                if self._pauses.stops:  # a Ctrl-C, which also reached a member that was still in our group
                    return False
                raise LaunchError(f"{member.name} did not start ({member.end_in_words()}): {member.reason()}")
            if time.monotonic() - member.started_at > member.ready_seconds:
                raise LaunchError(f"{member.name} was not ready after {member.ready_seconds:.0f} s: {member.reason()}")
            self._pauses.wait(LOOK_SECONDS)
        return not self._pauses.stops

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Keep every member alive until a stop signal comes or `until()`, asked about once a second, is true."""
        while not self._pauses.stops and not until():
            wait_seconds = 1.0
            for member in self.members:
                if member.log:
                    _shorten(member.log)
                if member.ended():
                    self._plan_restart(member)
                if member.process is None:
                    wait_seconds = min(wait_seconds, self._restart_when_due(member))
            self._pauses.wait(wait_seconds)

    def _plan_restart(self, member: Member) -> None:
        now = time.monotonic()
        steady = now - member.started_at > STEADY_SECONDS
        longer = FIRST_PAUSE_SECONDS if steady else max(FIRST_PAUSE_SECONDS, 2 * member.pause_seconds)
        member.pause_seconds = min(LONGEST_PAUSE_SECONDS, longer)
        member.due_at = now + member.pause_seconds
        where = f" (log: {member.log})" if member.log else ""
        self._say(f"{member.name} ended, {member.end_in_words()}; again in {member.pause_seconds:g} s{where}")
        member.sweep()

    def _restart_when_due(self, member: Member) -> float:
        left_seconds = member.due_at - time.monotonic()
        if left_seconds <= 0:
            member.spawn()
        return max(0.0, left_seconds)

    def stop(self) -> None:
        """End every member in reverse order; a further stop signal while waiting leaves the rest less time."""
        stops_before = self._pauses.stops
        for member in reversed(self.members):
            member.signal(signal.SIGTERM)
            asked_at = time.monotonic()
            while member.process and not member.ended():
                hurried = self._pauses.stops > stops_before
                if time.monotonic() - asked_at > (member.hurried_stop_seconds if hurried else member.stop_seconds):
                    break
                self._pauses.wait(LOOK_SECONDS)
            member.sweep()


def _open_log(path: Path | None) -> contextlib.AbstractContextManager:
    if path is None:
        return contextlib.nullcontext()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _shorten(path)
    return path.open("ab")


def _shorten(path: Path) -> None:
    """Move what a long log holds aside, in place of what was moved before.

    Whoever writes to it has it open for appending and goes on at the new end; a line written in the moment between
    copy and cut is lost.
    """
    if path.exists() and path.stat().st_size > LARGE_LOG_BYTES:
        shutil.copyfile(path, path.with_suffix(".old.log"))
        os.truncate(path, 0)
