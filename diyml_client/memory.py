"""What was begun and not finished, so that another run of the program can go on with it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path

from diyml_client.config import folder


def keep(mark: Sequence[str], text: str) -> None:
    """Remember something under a mark. It is a help and no more, so a folder that cannot be written is no failure."""
    with contextlib.suppress(OSError):
        path = _path(mark)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def recall(mark: Sequence[str]) -> str | None:
    """What is remembered under a mark."""
    try:
        return _path(mark).read_text(encoding="utf-8") or None
    except OSError:
        return None


def drop(mark: Sequence[str]) -> None:
    """Forget it."""
    with contextlib.suppress(OSError):
        _path(mark).unlink(missing_ok=True)


def _path(mark: Sequence[str]) -> Path:
    name = hashlib.sha256("\0".join(mark).encode()).hexdigest()[:32]
    return folder() / "uploads" / name
