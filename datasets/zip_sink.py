"""What a zip archive is written to that is sent while it is made."""

from __future__ import annotations

from collections.abc import Iterator


class ZipSink:
    """A file that cannot seek, so that `zipfile` never goes back in it, and keeps what was not sent yet.

    Attributes:
        written: bytes so far.
    """

    def __init__(self) -> None:
        self.written = 0
        self._parts: list[bytes] = []
        self._held = 0

    def write(self, data: bytes, /) -> int:
        """As files have it."""
        self._parts.append(bytes(data))
        self._held += len(data)
        self.written += len(data)
        return len(data)

    def flush(self) -> None:
        """As files have it."""

    def close(self) -> None:
        """As files have it; what is held stays."""

    def take(self, more_than: int = 0) -> Iterator[bytes]:
        """What is held, in one piece, when it is more than so many bytes."""
        if self._held > more_than:
            yield b"".join(self._parts)
            self._parts, self._held = [], 0
