"""Files from the server to the disk: streamed, checked, and continued where the server can."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests

from diyml_client.errors import ConnectionFailed
from diyml_client.files import PIECE_BYTES, sha256_of
from diyml_client.transport import Transport

# Gets the bytes that are there and all of them; None while the server does not know how many there will be.
Progress = Callable[[int, int | None], None]


def download(
    transport: Transport,
    path: str,
    target: Path,
    *,
    params: Mapping[str, Any] | None = None,
    sha256: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Fetch a file; what stands at `target` is replaced when all of it is there, and never before.

    Args:
        sha256: of the content; it is compared.

    Raises:
        ConnectionFailed: it could not be fetched as a whole.
    """
    part = target.with_name(f"{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    fetching = _Fetching(part, progress)
    try:
        while not fetching.whole:
            # The headers say from where to go on, so each further part is a call of its own.
            transport.open("GET", path, fetching.take, params=params, headers=fetching.headers())
        if sha256 and sha256_of(part) != sha256:
            raise ConnectionFailed(f"{path} arrived with another content than the server has")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


class _Fetching:
    """One file on its way."""

    def __init__(self, part: Path, progress: Progress | None):
        self._part = part
        self._progress = progress
        self._tag = ""
        self._begin()
        self.whole = False

    def _begin(self) -> None:
        self._part.write_bytes(b"")

    def headers(self) -> dict[str, str]:
        """What asks for the rest, if the server has said that it can tell whether the file is still the same."""
        here = self._part.stat().st_size
        # Compressed on the way, lengths and offsets would be those of something else.
        plain = {"Accept-Encoding": "identity"}
        return {**plain, "Range": f"bytes={here}-", "If-Range": self._tag} if here and self._tag else plain

    def take(self, response: requests.Response) -> None:
        """Write what comes; a break after some progress is no failure when the server can go on from there."""
        if response.status_code != 206:
            self._begin()
        tag = response.headers.get("ETag", "")
        can_go_on = response.headers.get("Accept-Ranges") == "bytes" and tag.startswith('"')
        self._tag = tag if can_go_on else ""
        before = self._part.stat().st_size
        length = response.headers.get("Content-Length")
        whole = before + int(length) if length else None
        try:
            self._write(response, before, whole)
        except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError):
            if self._tag and self._part.stat().st_size > before:
                return
            raise
        self.whole = True

    def _write(self, response: requests.Response, before: int, whole: int | None) -> None:
        here = before
        with self._part.open("ab") as file:
            for piece in response.iter_content(PIECE_BYTES):
                file.write(piece)
                here += len(piece)
                if self._progress:
                    self._progress(here, whole)
