"""A multipart form that is read from disk while it is sent."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from diyml_client.files import PIECE_BYTES


@dataclass(frozen=True)
class Part:
    """One part: a field, or a file when it has a file name; `content` may be a file on disk."""

    name: str
    content: bytes | Path
    filename: str | None = None

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)

    def pieces(self) -> Iterator[bytes]:
        """The content."""
        if isinstance(self.content, bytes):
            yield self.content
            return
        with self.content.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece


class Form:
    """A body whose length is known before any file is opened; it can be sent any number of times."""

    def __init__(self, parts: Sequence[Part]):
        self._boundary = f"diyml-{secrets.token_hex(16)}"
        self._parts = [(self._head(part), part) for part in parts]
        self._tail = f"--{self._boundary}--\r\n".encode()
        self._length = sum(len(head) + part.size + 2 for head, part in self._parts) + len(self._tail)
        self.content_type = f"multipart/form-data; boundary={self._boundary}"

    def __len__(self) -> int:
        """Bytes of the whole."""
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        """The bytes."""
        for head, part in self._parts:
            yield head
            yield from part.pieces()
            yield b"\r\n"
        yield self._tail

    def _head(self, part: Part) -> bytes:
        lines = [f"--{self._boundary}", f'Content-Disposition: form-data; name="{_quoted(part.name)}"']
        if part.filename is not None:
            lines[1] += f'; filename="{_quoted(part.filename)}"'
            lines.append("Content-Type: application/octet-stream")
        return "\r\n".join([*lines, "", ""]).encode()


class FileBody:
    """A file as a body, read while it is sent; it can be sent any number of times."""

    def __init__(self, path: Path):
        self._part = Part("", path)

    def __len__(self) -> int:
        """Bytes of the file."""
        return self._part.size

    def __iter__(self) -> Iterator[bytes]:
        """The bytes."""
        return self._part.pieces()


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
