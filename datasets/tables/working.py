"""A folder for temporary files that may be large: what a killed process left there goes with the next one."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "table-"
_LOCK = "lock"


@contextmanager
def working_folder(root: Path) -> Iterator[Path]:
    """A new folder below `root`, which is gone at the end.

    As long as its process lives, it holds a lock in it. So no process id that was given anew is taken for another's.
    """
    root.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(root)
    folder, handle = _new_folder(root)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _new_folder(root: Path) -> tuple[Path, int]:
    """A folder, and the handle of its lock, which is held."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=root, prefix=_PREFIX))
        handle = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if (folder / _LOCK).exists():
            return folder, handle
        # Between its making and its locking somebody took it for abandoned.
        os.close(handle)


def _remove_abandoned(root: Path) -> None:
    for folder in root.glob(f"{_PREFIX}*"):
        # One without a lock is being made just now.
        with suppress(OSError):
            handle = os.open(folder / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
