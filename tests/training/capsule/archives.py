"""Capsules as tests take them apart and put them together."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, cast

from training.capsule.documents import MANIFEST


class ZipFiles:
    """The files of a ZIP archive."""

    def __init__(self, content: bytes):
        self._zip = zipfile.ZipFile(io.BytesIO(content))

    def names(self) -> Sequence[str]:
        return self._zip.namelist()

    def size(self, name: str) -> int:
        return self._zip.getinfo(name).file_size

    def read(self, name: str, most_bytes: int) -> bytes:
        return self._zip.read(name)[: most_bytes + 1]

    def open(self, name: str) -> BinaryIO:
        return cast(BinaryIO, self._zip.open(name))


def entries_of(content: bytes) -> dict[str, bytes]:
    """Every entry by its path."""
    files = ZipFiles(content)
    return {name: files.read(name, 2**40) for name in files.names()}


def packed(entries: dict[str, bytes], manifest: bool = True) -> bytes:
    """A capsule of these entries, with a manifest that fits them."""
    if manifest:
        rows = [
            {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for path, content in entries.items()
            if path != MANIFEST
        ]
        told = {**json.loads(entries[MANIFEST]), "entries": rows}
        entries = {**entries, MANIFEST: json.dumps(told).encode()}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, content in entries.items():
            archive.writestr(path, content)
    return stream.getvalue()


def with_document(entries: dict[str, bytes], path: str, change: Callable[[Any], None]) -> dict[str, bytes]:
    """The entries, of which one JSON document is changed."""
    document = json.loads(entries[path])
    change(document)
    return {**entries, path: json.dumps(document).encode()}
