"""Folders for files under work, and what is left of those whose process was killed: people's data lie in them."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from settings import Settings
from utils import Unavailable

_PREFIX, _LOCK = "diyml-moodle-", ".lock"


class _Held(tempfile.TemporaryDirectory[str]):
    """A folder that is locked by the process that made it, for as long as both are there."""

    def __init__(self, parent: str | None):
        super().__init__(prefix=_PREFIX, dir=parent)
        self._lock = Path(self.name, _LOCK).open("wb")  # noqa: SIM115 - closed with the folder
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def is_there(self) -> bool:
        """Whether nobody took it for a folder that is left, in the moment before it was locked."""
        return Path(self.name, _LOCK).exists()

    def cleanup(self) -> None:
        """Remove it."""
        self._lock.close()
        super().cleanup()


def temporary(settings: Settings) -> tempfile.TemporaryDirectory[str]:
    """A folder for one task, gone when it is closed.

    Raises:
        Unavailable: none can be made.
    """
    try:
        while not (folder := _Held(settings.moodle_temp_dir or None)).is_there():
            folder.cleanup()
    except OSError as error:
        raise Unavailable(
            f"the folder for files under work cannot be used: {error.strerror or 'unknown reason'}. The operator finds "
            "it in MOODLE_MLBACKEND_TEMPDIR, else it is that of the system"
        ) from error
    return folder


def remove_left(settings: Settings) -> None:
    """Remove folders of processes that are gone; those of processes that live are locked."""
    for path in Path(settings.moodle_temp_dir or tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # it is locked, another's, or gone meanwhile
            if path.lstat().st_uid == os.getuid() and not path.is_symlink():
                with (path / _LOCK).open("rb") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path)
