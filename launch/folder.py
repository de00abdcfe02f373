"""Who runs on a data folder and who uses what runs there: two locks, freed by the system when a process ends."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from launch.family import LaunchError

RETRY_SECONDS = 0.05
FAMILY, BACKEND, MAINTENANCE = "family", "backend", "maintenance"


@dataclass(frozen=True)
class Holder:
    """What the process that runs on a folder says of itself."""

    pid: int = 0
    kind: str = FAMILY
    address: str = ""
    embedded: bool = True
    ready: bool = False


def open_folder(path: Path) -> Path:
    """Make the data folder when it is not there, for its owner only.

    Raises:
        LaunchError: it can be neither made nor written.
    """
    folder = path.absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(_open(folder / "diyml.lock"))
    except OSError as error:
        raise LaunchError(
            f"cannot write in the data folder {folder}: {error.strerror or error}; DIYML_DATA_DIR names another one"
        ) from error
    return folder


class FolderLock:
    """The right to run the processes of one data folder: one holder at a time, until it releases it or ends.

    The file is never removed: a second process could then lock a new file of the same name.
    """

    def __init__(self, folder: Path):
        self._fd = _open(folder / "diyml.lock")

    def acquire(self, patience_seconds: float = 0.3) -> bool:
        """Take the right. Some patience is always needed, since `holder_of` holds the lock while it looks."""
        return _lock(self._fd, fcntl.LOCK_EX, patience_seconds)

    def left_unclean(self) -> bool:
        """True when the holder before us was killed: it did not come to `release`."""
        return os.fstat(self._fd).st_size > 0

    def describe(self, holder: Holder) -> None:
        """Tell others who holds the folder."""
        text = json.dumps(asdict(holder)).encode()
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, text, 0)

    def release(self) -> None:
        """Give the right back."""
        os.ftruncate(self._fd, 0)
        os.close(self._fd)


def holder_of(folder: Path) -> Holder | None:
    """Who runs on the folder now; None when nobody does."""
    fd = _open(folder / "diyml.lock")
    try:
        if _lock(fd, fcntl.LOCK_SH, 0):
            return None
        return Holder(**json.loads(os.pread(fd, 4096, 0)))
    except (ValueError, TypeError):
        return Holder()  # It has the lock and has not written yet.
    finally:
        os.close(fd)


def join_users(folder: Path, patience_seconds: float) -> int:
    """Count this process among the users of the folder's database until it ends, even by `kill -9`.

    Returns:
        The locked file; closing it ends the membership.

    Raises:
        LaunchError: the database is being shut down and that took longer than `patience_seconds`.
    """
    fd = _open(folder / "users.lock")
    if _lock(fd, fcntl.LOCK_SH, patience_seconds):
        return fd
    os.close(fd)
    raise LaunchError(f"the database in {folder} is still shutting down; try again in a moment")


def has_users(folder: Path) -> bool:
    """True while some process uses the folder's database; False once nobody does, or it is being shut down."""
    fd = _open(folder / "users.lock")
    try:
        return not _lock(fd, fcntl.LOCK_EX, 0) and _lock(fd, fcntl.LOCK_SH, 0)
    finally:
        os.close(fd)


class UsersWatch:
    """Sees when the last user is gone, and keeps new ones waiting from then on."""

    def __init__(self, folder: Path):
        self._fd = _open(folder / "users.lock")

    def nobody_left(self) -> bool:
        """True when no process uses the database any more."""
        return _lock(self._fd, fcntl.LOCK_EX, 0)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock(fd: int, how: int, patience_seconds: float) -> bool:
    deadline = time.monotonic() + patience_seconds
    while not (locked := _lock_now(fd, how)) and time.monotonic() < deadline:
        time.sleep(RETRY_SECONDS)  # flock has no timeout, and an alarm would need the main thread.
    return locked


def _lock_now(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
