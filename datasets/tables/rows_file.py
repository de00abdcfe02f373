"""The rows of a table as DIYML keeps them: one gzip file of plain CSV, packed in blocks that can be read alone.

Whatever format a table came in, its rows are read from here: by pages in a web process, which unpacks one or two blocks
with nothing but the standard library, and as a whole by a worker. Any other program reads the file as a `.csv.gz`.
"""

from __future__ import annotations

import bisect
import csv
import gzip
import hashlib
import io
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

if TYPE_CHECKING:
    import polars as pl

_BLOCK_ROWS = 1000
_BLOCK_BYTES = 4 * 1024 * 1024
_LEVEL = 1
_ENTRY = struct.Struct("<QQ")

Row = list[str | None]
ReadRange = Callable[[int, int], Iterable[bytes]]


@dataclass(frozen=True)
class RowIndex:
    """Where the blocks of a rows file are.

    Attributes:
        rows: number of the first row of each block, from 0; then how many rows there are.
        offsets: byte at which each block begins; then the length of the file.
    """

    rows: tuple[int, ...]
    offsets: tuple[int, ...]

    def to_bytes(self) -> bytes:
        """16 bytes a block."""
        return b"".join(_ENTRY.pack(*pair) for pair in zip(self.rows, self.offsets, strict=True))

    @classmethod
    def from_bytes(cls, content: bytes) -> RowIndex:
        """Read what `to_bytes` wrote."""
        rows, offsets = zip(*_ENTRY.iter_unpack(content), strict=True)
        return cls(rows, offsets)

    def read(self, read: ReadRange, first: int, count: int) -> Iterator[Row]:
        """So many rows from `first` (from 0) on; fewer at the end.

        Args:
            read: gives the bytes from an offset to another, without the latter.
        """
        block = max(0, bisect.bisect_right(self.rows, first) - 1)
        while count > 0 and block < len(self.rows) - 1 and first < self.rows[-1]:
            rows = list(self._block(read, block))[first - self.rows[block] :][:count]
            yield from rows
            first, count, block = first + len(rows), count - len(rows), block + 1

    def sample(self, read: ReadRange, most_bytes: int) -> Iterator[Row]:
        """Rows of blocks that lie evenly over the file, as many blocks as have so many packed bytes."""
        blocks = len(self.rows) - 1
        step = max(1, -(-(self.offsets[-1] - self.offsets[0]) // most_bytes))
        for block in range(0, blocks, step):
            yield from self._block(read, block)

    def _block(self, read: ReadRange, number: int) -> Iterator[Row]:
        packed = b"".join(read(self.offsets[number], self.offsets[number + 1]))
        text = io.StringIO(gzip.decompress(packed).decode(), newline="")
        for cells in csv.reader(text):
            yield [cell or None for cell in cells]


@dataclass(frozen=True)
class WrittenRows:
    """What came of writing a rows file; `digest` is the SHA-256 of the plain CSV, `size` its length in bytes."""

    index: RowIndex
    digest: str
    size: int


def write_rows(path: Path, names: Iterable[str], frames: Iterable[pl.DataFrame]) -> WrittenRows:
    """Write a rows file; equal tables give equal digests."""
    digest, size, rows = hashlib.sha256(), 0, 0
    starts, offsets = [], []
    with path.open("wb") as target:
        for block, count in _blocks(names, frames):
            if count is not None:
                starts.append(rows)
                offsets.append(target.tell())
                rows += count
            digest.update(block)
            size += len(block)
            target.write(gzip.compress(block, _LEVEL, mtime=0))
        index = RowIndex((*starts, rows), (*offsets, target.tell()))
    return WrittenRows(index, digest.hexdigest(), size)


def _blocks(names: Iterable[str], frames: Iterable[pl.DataFrame]) -> Iterator[tuple[bytes, int | None]]:
    """Plain CSV with how many rows it holds; None for the line of the names."""
    head = io.StringIO(newline="")
    csv.writer(head, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(names)
    yield head.getvalue().encode(), None
    for frame in frames:
        # A line without anything is no row, and an empty cell alone would be one.
        style: Literal["always", "necessary"] = "always" if frame.width == 1 else "necessary"
        for part in frame.iter_slices(_rows_of_a_block(frame)):
            yield part.write_csv(include_header=False, line_terminator="\n", quote_style=style).encode(), len(part)


def _rows_of_a_block(frame: pl.DataFrame) -> int:
    size = max(1, int(frame.estimated_size() / max(1, len(frame))))
    return max(1, min(_BLOCK_ROWS, _BLOCK_BYTES // size))


def read_frames(file: BinaryIO, look: Callable[[], None] = lambda: None) -> Iterator[pl.DataFrame]:
    """All rows of a rows file."""
    from datasets.tables.bounds import Bounds
    from datasets.tables.delimited import DelimitedTable

    # What was taken once is taken again, with quotes around cells that had none.
    generous = Bounds(file=2**40, cell=2**20, row=2**26)
    return DelimitedTable(file, generous, look, separator=",", one_column=True).frames()


def first_rows(rows: Iterator[Row], most_characters: int) -> Iterator[Row]:
    """Rows until they hold so many characters; one at least."""
    held = 0
    for row in islice(rows, 1):
        held += sum(len(cell or "") for cell in row)
        yield row
    for row in rows:
        held += sum(len(cell or "") for cell in row)
        if held > most_characters:
            return
        yield row
