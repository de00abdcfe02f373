"""What was uploaded in pieces, read as one file that can seek; nothing of it comes to the disk."""

from __future__ import annotations

import bisect
import io
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from storage.files import CHUNK_BYTES, Files
from storage.import_record import Piece

_KEPT_CHUNKS = 12


class PieceFile(io.RawIOBase):
    """A read-only file of stored pieces, which follow each other without a gap. For one thread at a time.

    Args:
        persist: repeats a step until the database answers.
    """

    def __init__(self, files: Files, pieces: Sequence[Piece], persist: Callable[[Callable[[], bytes]], bytes]):
        self._files = files
        self._pieces = pieces
        self._persist = persist
        self._starts = [piece.offset for piece in pieces]
        self._position = 0
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self.size = pieces[-1].offset + pieces[-1].size if pieces else 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """As `RawIOBase`; up to the end of one stored chunk at a time."""
        view = memoryview(buffer).cast("B")
        if not view or self._position >= self.size:
            return 0
        number = bisect.bisect_right(self._starts, self._position) - 1
        inside = self._position - self._starts[number]
        chunk = self._chunk(number, inside // CHUNK_BYTES)
        start = inside % CHUNK_BYTES
        count = min(len(view), len(chunk) - start)
        view[:count] = chunk[start : start + count]
        self._position += count
        return count

    def _chunk(self, piece: int, number: int) -> bytes:
        key = (piece, number)
        if key not in self._kept:
            self._kept[key] = self._persist(lambda: self._files.chunk(self._pieces[piece].file_id, number))
            if len(self._kept) > _KEPT_CHUNKS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]
