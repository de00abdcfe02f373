"""Where the records and cells of a block of delimited text are, and whether they are as they should be.

The engine that reads the cells fills up lines that are too short and is kind to stray quotes. A table must not become
another one quietly, so lines, cells and quotes are counted here first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datasets.tables.bounds import Bounds
from utils import InvalidInput

QUOTE, NEWLINE, RETURN = ord('"'), ord("\n"), ord("\r")
_CONVERT = (
    "save it as 'CSV UTF-8', or convert it, for example: iconv -f WINDOWS-1252 -t UTF-8 table.csv > table-utf8.csv"
)
Positions = NDArray[np.int64]


class Block:
    """A piece of text that begins where a record begins.

    Args:
        line: number of its first line in the file, from 1.
    """

    def __init__(self, content: bytes, separator: str, line: int):
        self.content = content
        self._line = line
        self._bytes = np.frombuffer(content, np.uint8)
        self._separator = ord(separator)
        self._quotes: Positions = np.flatnonzero(self._bytes == QUOTE) if b'"' in content else np.empty(0, np.int64)
        self._newlines: Positions = np.flatnonzero(self._bytes == NEWLINE)
        self.ends = self._outside(self._newlines)

    @property
    def lines(self) -> int:
        """How many lines end in it, those in quoted cells among them."""
        return len(self._newlines)

    def line_at(self, position: int) -> int:
        """The number in the file of the line in which a byte lies."""
        return self._line + int(np.searchsorted(self._newlines, position))

    def blank(self) -> NDArray[np.bool_]:
        """Which records are lines with nothing in them."""
        starts, ends = self._records()
        lengths = ends - starts
        last = self._bytes[np.maximum(ends - 1, 0)]
        return (lengths == 0) | ((lengths == 1) & (last == RETURN))

    def check(self, columns: int, bounds: Bounds) -> None:
        """See that it is text, that its quotes are, and that every record has so many cells of no more than allowed.

        Raises:
            InvalidInput: it is not so; names the line.
        """
        self.check_text()
        self.check_quotes()
        separators = self._outside(np.flatnonzero(self._bytes == self._separator))
        self._check_widths(separators, columns)
        self._check_cells(separators, bounds)

    def check_text(self) -> None:
        """See that it is UTF-8; as `check`."""
        if (at := self.content.find(b"\0")) >= 0:
            raise InvalidInput(f"line {self.line_at(at):,} holds the character NUL: the file is damaged, or no text")
        try:
            self.content.decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(f"line {self.line_at(error.start):,} is not UTF-8: {_CONVERT}") from None

    def check_quotes(self) -> None:
        """See that cells with quotes in them are in quotes, and have theirs doubled (RFC 4180); as `check`."""
        if not len(self._quotes):
            return
        # Outside of cells, as if the text were surrounded by line ends.
        padded = np.concatenate(([NEWLINE], self._bytes, [NEWLINE]))
        opening, closing = self._quotes[::2], self._quotes[1::2]
        good = np.array([self._separator, NEWLINE, QUOTE])
        # Two quotes in a cell look as if it were closed and opened again.
        bad = opening[~np.isin(padded[opening], good)]
        after = padded[closing + 2]
        bad_after = closing[~np.isin(after, [*good, RETURN])]
        reopened = opening[1:][(padded[opening[1:]] == QUOTE) & (opening[1:] - closing[: len(opening) - 1] != 1)]
        if len(found := np.concatenate((bad, bad_after, reopened))):
            raise InvalidInput(
                f"line {self.line_at(int(found.min())):,} has a quote inside a cell: put the whole cell in quotes, "
                'and write each quote in it twice, as in "a 5"" pipe"'
            )

    def _check_widths(self, separators: Positions, columns: int) -> None:
        counts = np.diff(np.searchsorted(separators, self.ends), prepend=0) + 1
        wrong = (counts != columns) & ~self.blank()
        if wrong.any():
            number = int(np.argmax(wrong))
            start = int(self._records()[0][number])
            raise InvalidInput(
                f"line {self.line_at(start):,} has {int(counts[number]):,} cells, and the first line names "
                f"{columns:,} columns: every line must have as many; put cells that hold "
                f"{_named(self._separator)} in quotes"
            )

    def _check_cells(self, separators: Positions, bounds: Bounds) -> None:
        edges = np.sort(np.concatenate((separators, self.ends)))
        sizes = np.diff(edges, prepend=-1) - 1
        if len(sizes) and int(sizes.max()) > bounds.cell:
            number = int(np.argmax(sizes))
            start = int(edges[number]) - int(sizes[number])
            raise InvalidInput(
                f"line {self.line_at(start):,} has a cell of {int(sizes[number]):,} bytes, allowed are {bounds.cell:,}"
            )

    def _records(self) -> tuple[Positions, Positions]:
        return np.concatenate((np.zeros(1, np.int64), self.ends[:-1] + 1)), self.ends

    def _outside(self, positions: Positions) -> Positions:
        """Those of the positions that lie in no quoted cell."""
        if not len(self._quotes):
            return positions
        return positions[np.searchsorted(self._quotes, positions) % 2 == 0]


def _named(separator: int) -> str:
    return {ord("\t"): "tabs"}.get(separator, f"'{chr(separator)}'")
