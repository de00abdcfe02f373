"""Files are read piece by piece, however large they are."""

from __future__ import annotations

import hashlib
from pathlib import Path

PIECE_BYTES = 1024 * 1024


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()
