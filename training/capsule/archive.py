"""A ZIP file written while it is sent, with its manifest at the end."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from datasets.zip_sink import ZipSink
from training.capsule.documents import FORMAT, MANIFEST
from utils import VERSION

# The same in each capsule of the same project.
_MOMENT = (1980, 1, 1, 0, 0, 0)


class Archive:
    """Entries go in one after the other; what they have become comes out of each step."""

    def __init__(self) -> None:
        self._sent = ZipSink()
        self._zip = zipfile.ZipFile(self._sent, "w", allowZip64=True)
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
                yield from self._sent.take()
        yield from self._sent.take()
        self._entries.append({"path": path, "size": size, "sha256": digest.hexdigest()})

    def add_json(self, path: str, document: BaseModel) -> Iterator[bytes]:
        """Write a document."""
        return self.add(path, [document.model_dump_json(exclude_defaults=False, indent=None).encode()])

    def end(self) -> Iterator[bytes]:
        """Write the manifest and the directory."""
        manifest = {"format": FORMAT, "kind": "diyml capsule", "written_by": VERSION, "entries": self._entries}
        yield from self.add(MANIFEST, [json.dumps(manifest).encode()])
        self._zip.close()
        yield from self._sent.take()
