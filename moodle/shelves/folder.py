"""Models in a folder of this machine. Names of files are hashes: no id is ever a part of a path."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from moodle.ids import ACCOUNTS, Key, ModelIds, place_of
from moodle.shelves.protocol import Held, Stored
from utils import Unavailable

_LOG = re.compile(r"log-(\d+)")
_ROOT, _LOCK = "diyml-models", ".lock"


class FolderShelf:
    """See `Shelf`; any number of threads and processes may use one folder."""

    def __init__(self, folder: Path):
        self._folder = folder / _ROOT

    def version(self, key: Key) -> str | None:
        """See `Shelf.version`."""
        with _told():
            try:
                return _version(os.stat(self._path(key)))
            except FileNotFoundError:
                return None

    def read(self, key: Key) -> Stored | None:
        """See `Shelf.read`."""
        return _read(self._path(key))

    def write(self, key: Key, content: bytes, expected: str | None) -> bool:
        """See `Shelf.write`."""
        path = self._path(key)
        with _told(), self._locked():
            if self.version(key) != expected:
                return False
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(name, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(name)
                raise
            _sync_folder(path.parent)
        return True

    def logs(self, ids: ModelIds) -> list[Key]:
        """See `Shelf.logs`."""
        with _told():
            names = [path.name for path in self._path(ids.model).parent.glob("log-*")]
        numbers = sorted(int(found[1]) for name in names if (found := _LOG.fullmatch(name)))
        return [ids.log(number) for number in numbers]

    def delete(self, *keys: Key) -> None:
        """See `Shelf.delete`."""
        with _told(), self._locked():
            for key in keys:
                self._path(key).unlink(missing_ok=True)

    def delete_all(self, ids: ModelIds) -> None:
        """See `Shelf.delete_all`."""
        self._remove(self._folder / ids.model.group)

    def owners(self) -> list[str]:
        """See `Shelf.owners`."""
        with _told():
            folder = self._folder / ACCOUNTS
            return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def held(self, owner: str) -> Iterator[Held]:
        """See `Shelf.held`."""
        with _told():
            paths = sorted((self._folder / place_of(owner)).glob("*/*/[!.]*"))
        for path in paths:
            yield Held(path.parts[-3], path.parts[-2], path.name, None, partial(_read, path))

    def delete_owner(self, owner: str) -> None:
        """See `Shelf.delete_owner`."""
        self._remove(self._folder / ACCOUNTS / Path(place_of(owner)).name)

    def _remove(self, folder: Path) -> None:
        with _told(), self._locked():
            if folder.exists():
                # Away in one step, so that nobody meets a part of it.
                gone = Path(tempfile.mkdtemp(dir=self._folder, prefix=".gone-"))
                os.replace(folder, gone / "it")
                shutil.rmtree(gone)

    def _path(self, key: Key) -> Path:
        return self._folder / key.group / key.folder / key.name

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time, over all processes of the machine."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / _LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _read(path: Path) -> Stored | None:
    with _told():
        try:
            with path.open("rb") as file:
                return Stored(file.read(), _version(os.fstat(file.fileno())))
        except FileNotFoundError:
            return None


def _version(status: os.stat_result) -> str:
    return f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"the folder of models cannot be used: {error.strerror or 'unknown reason'}") from error
