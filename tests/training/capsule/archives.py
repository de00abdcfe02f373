"""Capsules as tests take them apart and put them together."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from training.capsule.documents import MANIFEST
from training.capsule.opening import open_capsule

MOST_BYTES = 2**30


def entries_of(content: bytes) -> dict[str, bytes]:
    """Every entry by its path."""
    files = open_capsule(io.BytesIO(content), MOST_BYTES)
    return {name: files.read(name, MOST_BYTES) for name in files.names()}


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
