"""Capsules as tests take them apart and put them together."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from storage.projects import Project
from storage.store import Store
from storage.users import User
from training.capsule.documents import MANIFEST
from training.capsule.opening import open_capsule
from training.capsule.reading import read_capsule
from training.capsule.writing import write_capsule
from utils import InvalidInput

MOST_BYTES, MOST_PIXELS = 2**30, 1_000_000
Change = Callable[[dict[str, bytes]], dict[str, bytes]]


def capsule_of(store: Store, project: Project) -> bytes:
    """All of a project."""
    return b"".join(write_capsule(store, project))


def taken(store: Store, content: bytes, user: User, name: str | None = None) -> Project:
    """The project that a capsule becomes."""
    return read_capsule(store, open_capsule(io.BytesIO(content), MOST_BYTES), user, name, MOST_PIXELS)


def assert_refused(store: Store, content: bytes, user: User, word: str) -> None:
    """A capsule is refused with a word, and nothing of it is left in a store that had nothing but users."""
    with pytest.raises(InvalidInput, match=word):
        taken(store, content, user)
    left = {name: store.database[name].count_documents({}) for name in store.database.list_collection_names()}
    assert {name for name, count in left.items() if count} <= {"users"}


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
