"""Folders as one file, the same bytes for the same content."""

from __future__ import annotations

import contextlib
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

_SAME_MOMENT = (1980, 1, 1, 0, 0, 0)
_PIECE_BYTES = 1024 * 1024


@contextlib.contextmanager
def packed(source: Path) -> Iterator[Path]:
    """The file to send: itself, or a folder packed into a temporary one, without what begins with a dot.

    The same folder makes the same file, byte for byte, so that an upload that was broken off can go on.
    """
    if source.is_file():
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="diyml-") as place:
        target = Path(place) / f"{source.resolve().name}.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # images are compressed already
            for path in files_in(source):
                _add(archive, path, path.relative_to(source))
        yield target


def files_in(folder: Path) -> list[Path]:
    """All files of a folder in the order of their names, without what begins with a dot."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _add(archive: zipfile.ZipFile, path: Path, inside: Path) -> None:
    info = zipfile.ZipInfo(inside.as_posix(), _SAME_MOMENT)
    with path.open("rb") as file, archive.open(info, "w", force_zip64=path.stat().st_size > 2**31) as place:
        while piece := file.read(_PIECE_BYTES):
            place.write(piece)
