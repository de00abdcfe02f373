"""A ZIP file written while it is sent, with its manifest at the end."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any, cast

from pydantic import BaseModel

from training.capsule.documents import FORMAT, MANIFEST
from utils import VERSION

# The same in each capsule of the same project.
_MOMENT = (1980, 1, 1, 0, 0, 0)


class Archive:
    """Entries go in one after the other; what they have become comes out of each step."""

    def __init__(self) -> None:
        self._sent = _Sent()
        self._zip = zipfile.ZipFile(cast(Any, self._sent), "w", allowZip64=True)
        self._entries: list[dict[str, Any]] = []

    def add(self, path: str, content: Iterable[bytes], packed: bool = True) -> Iterator[bytes]:
        """Write an entry, as it is read."""
        digest, size = hashlib.sha256(), 0
        info = zipfile.ZipInfo(path, _MOMENT)
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        with self._zip.open(info, "w", force_zip64=True) as entry:
            for chunk in content:
                digest.update(chunk)
                size += len(chunk)
                entry.write(chunk)
                yield self._sent.take()
        yield self._sent.take()
        self._entries.append({"path": path, "size": size, "sha256": digest.hexdigest()})

    def add_json(self, path: str, document: BaseModel) -> Iterator[bytes]:
        """Write a document."""
        return self.add(path, [document.model_dump_json(exclude_defaults=False, indent=None).encode()])

    def end(self) -> Iterator[bytes]:
        """Write the manifest and the directory."""
        manifest = {"format": FORMAT, "kind": "diyml capsule", "written_by": VERSION, "entries": self._entries}
        yield from self.add(MANIFEST, [json.dumps(manifest).encode()])
        self._zip.close()
        yield self._sent.take()


class _Sent:
    """A file that nobody can go back in."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Nothing waits."""

    def take(self) -> bytes:
        """What was written since."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
