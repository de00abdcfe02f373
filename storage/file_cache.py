"""Copies of stored files on this machine's disk, by content, so that what was fetched once is not fetched again."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Set
from pathlib import Path

from bson import ObjectId

from storage.files import Files
from utils import Unavailable

_READ_ONLY = 0o444
_INCOMING = ".incoming-"
_ABANDONED_SECONDS = 3600
_WRITES_BETWEEN_EVICTIONS = 256


class DamagedFile(Unavailable):
    """What is stored is not what was stored; asking again does not help."""


class FileCache:
    """Files under `<root>/<first two hex digits>/<SHA-256>.<suffix>`; several processes may share a root.

    Args:
        max_bytes: past this the files whose last use is longest ago go.
    """

    def __init__(self, root: Path, max_bytes: int):
        self._root = root
        self._max_bytes = max_bytes
        self._writes = 0

    def path_of(self, sha256: str, suffix: str) -> Path:
        """Where a file's copy lies once it is fetched."""
        return self._root / sha256[:2] / f"{sha256}.{suffix}"

    def fetch(self, files: Files, file_id: ObjectId, sha256: str, suffix: str) -> Path:
        """The path of a file's copy.

        Raises:
            NotFound: it is not stored any more.
            DamagedFile: what is stored does not have this hash.
        """
        path = self.path_of(sha256, suffix)
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=_INCOMING)
        os.close(handle)
        try:
            if files.save(file_id, Path(name)) != sha256:
                raise DamagedFile("a stored file does not have the hash it was stored with: it is damaged")
            os.chmod(name, _READ_ONLY)
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
        return path

    def read(self, sha256: str, suffix: str) -> bytes | None:
        """What `write` has kept, None when there is nothing (any more)."""
        path = self.path_of(sha256, suffix)
        with contextlib.suppress(FileNotFoundError):
            content = path.read_bytes()
            os.utime(path)
            return content
        return None

    def write(self, sha256: str, suffix: str, content: bytes) -> None:
        """Keep something small that was made of a stored file; after some of these what is too much goes."""
        path = self.path_of(sha256, suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=_INCOMING)
        try:
            with open(handle, "wb") as target:
                target.write(content)
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
        self._writes += 1
        if self._writes % _WRITES_BETWEEN_EVICTIONS == 1:
            self.evict()

    def evict(self, keep: Set[Path] = frozenset()) -> None:
        """Remove what is too much, the longest unused first.

        Args:
            keep: copies that are in use.
        """
        entries = []
        for path in self._root.glob("??/*"):
            with contextlib.suppress(FileNotFoundError):  # another process's eviction came first
                entries.append((path.stat().st_mtime, path.stat().st_size, path))
        excess = sum(size for _, size, _ in entries) - self._max_bytes
        for modified, size, path in sorted(entries):
            if excess <= 0:
                return
            if path not in keep and not _is_arriving(path, modified):
                path.unlink(missing_ok=True)
                excess -= size


def _is_arriving(path: Path, modified: float) -> bool:
    """Whether another process is writing the file just now."""
    return path.name.startswith(_INCOMING) and time.time() - modified < _ABANDONED_SECONDS
