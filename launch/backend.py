"""Database and worker for programs that import DIYML without the family: started at first use, gone after the last."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from launch.family import Family, LaunchError
from launch.folder import BACKEND, Holder, UsersWatch, holder_of, join_users, open_folder
from launch.members import member_environment
from launch.serve import backend_members, held
from launch.signals import SignalPauses
from settings import Settings
from storage.mongod import EmbeddedMongod, MongodError

PATIENCE_SECONDS = 90.0
LOOK_SECONDS = 0.05

_memberships: dict[Path, int] = {}
_one_at_a_time = threading.Lock()


def ensure(settings: Settings) -> Settings:
    """Settings with a database that runs: the given one, that of the family on the data folder, or one started now.

    Cheap and harmless to call again; from the first call on this process counts as a user of the database. Any number
    of threads and processes may call it at the same moment.

    Raises:
        LaunchError: none could be had; the message is for the operator.
    """
    if settings.mongo_uri:
        return settings
    with _one_at_a_time:
        folder = open_folder(settings.data_dir)
        if folder not in _memberships:
            _memberships[folder] = join_users(folder, PATIENCE_SECONDS)
        return _find_or_start(dataclasses.replace(settings, data_dir=folder))


def _find_or_start(settings: Settings) -> Settings:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        holder = holder_of(settings.data_dir)
        if holder is None:
            _start(settings)
        elif not holder.embedded:
            raise LaunchError(f"what runs on {settings.data_dir} uses another MongoDB: set MONGO_URI as it does")
        elif holder.ready:
            return dataclasses.replace(settings, mongo_uri=EmbeddedMongod(settings.data_dir).connection().uri)
        else:
            time.sleep(LOOK_SECONDS)  # Another process is starting it, and has no way to tell us.
    raise LaunchError(f"the database in {settings.data_dir} did not get ready in {PATIENCE_SECONDS:.0f} s")


def _start(settings: Settings) -> None:
    # Several callers may come here at once: one of the started programs gets the folder, the others end quietly.
    run = subprocess.run(
        [sys.executable, "-m", "launch.backend"],
        env=member_environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise LaunchError((run.stdout + run.stderr).strip() or f"launch.backend: exit status {run.returncode}")


def main() -> int:
    """Go into the background; return when that runs, or with what went wrong on the standard error."""
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        with open(reader) as report:
            sys.stderr.write(problem := report.read())
        return 1 if problem else 0
    os.close(reader)
    os.setsid()
    with open(writer, "w") as report:
        _run(Settings.from_environment(), report)
    return 0


def _run(settings: Settings, report: TextIO) -> None:
    folder = open_folder(settings.data_dir)
    log = folder / "logs" / "backend.log"
    log.parent.mkdir(mode=0o700, exist_ok=True)
    with log.open("a") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    try:
        keep_running(dataclasses.replace(settings, data_dir=folder), report)
    except (LaunchError, MongodError, OSError) as error:
        holder = holder_of(folder)
        if not holder or holder.pid == os.getpid():
            report.write(str(error))


def keep_running(settings: Settings, report: TextIO) -> None:
    """Run the members until the last user is gone; `report` is closed once they are ready."""
    me = Holder(os.getpid(), BACKEND)
    users = UsersWatch(settings.data_dir)
    with SignalPauses() as pauses, held(settings.data_dir, me) as lock:
        lock.describe(me)
        settings, members = backend_members(settings)
        family = Family(members, _log, pauses)
        try:
            if family.start():
                lock.describe(dataclasses.replace(me, ready=True))
                report.close()
                family.run(until=users.nobody_left)
        finally:
            family.stop()


def _log(line: str) -> None:
    sys.stdout.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
