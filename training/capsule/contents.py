"""The documents of a capsule, checked, and where the rest of it lies."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from training.capsule.documents import Entry, JobDocument, ModelDocument, ProjectDocument
from training.capsule.refusing import refused

_CHUNK_BYTES = 1024 * 1024


class Source(Protocol):
    """The files of an archive."""

    def names(self) -> Sequence[str]:
        """All of them."""
        ...

    def size(self, name: str) -> int:
        """Bytes, unpacked."""
        ...

    def read(self, name: str, most_bytes: int) -> bytes:
        """The content, unless it is longer."""
        ...

    def open(self, name: str) -> BinaryIO:
        """The content as a stream."""
        ...


@dataclass
class Contents:
    """A capsule.

    Attributes:
        dataset: what the project holds now, and `versions` of it; their schemas are of the kind of data.
    """

    source: Source
    entries: dict[str, Entry]
    project: ProjectDocument
    dataset: Any
    versions: list[Any] = field(default_factory=list)
    jobs: list[JobDocument] = field(default_factory=list)
    models: list[ModelDocument] = field(default_factory=list)

    @property
    def parts(self) -> list[Any]:
        """What the project holds now, and each version."""
        return [self.dataset, *self.versions]

    def holds(self, path: str, sha256: str, size: int) -> bool:
        """Whether there is an entry of this content."""
        entry = self.entries.get(path)
        return entry is not None and (entry.sha256, entry.size) == (sha256, size)

    def read(self, path: str) -> bytes:
        """An entry, of the size and the hash that the manifest names.

        Raises:
            InvalidInput: it is missing, or another.
        """
        entry = self.entries.get(path)
        if entry is None:
            raise refused(f"it names '{path}', which is not in it")
        return checked(self.source, entry)

    def copy(self, path: str, target: BinaryIO) -> None:
        """Write an entry to a file, as `read`."""
        digest = hashlib.sha256()
        with self.source.open(path) as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                target.write(chunk)
        if digest.hexdigest() != self.entries[path].sha256:
            raise _damaged(path)


def checked(source: Source, entry: Entry) -> bytes:
    """An entry, of the size and the hash that the manifest names; raises as `Contents.read`."""
    content = source.read(entry.path, entry.size)
    if len(content) != entry.size or hashlib.sha256(content).hexdigest() != entry.sha256:
        raise _damaged(entry.path)
    return content


def _damaged(path: str) -> Exception:
    return refused(f"'{path}' is not what the manifest says: it was changed or damaged")
