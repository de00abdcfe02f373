"""Rows of a data file as numbers.

Of Moodle's cells most say one of a few values, and of its rows half are repeated; so each is understood once, and kept
once.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from moodle.header import HEADER_LINES, Header
from utils import InvalidInput

_LARGEST = float(np.finfo(np.float32).max)
_MOST_KNOWN = 100_000
_KEY_BYTES = 16
Floats = NDArray[np.float32]
Cell = bytes | str
Line = tuple[int, Sequence[Cell] | bytes, Cell]


@dataclass(frozen=True)
class Cells:
    """Rows of numbers, of which equal ones are kept once.

    Attributes:
        distinct: float32 [distinct rows, columns]; finite. Two may be equal even so, as 0 and 0.0 are.
        places: int64 [rows], places in `distinct`.
    """

    distinct: Floats
    places: NDArray[np.int64]

    @classmethod
    def of(cls, features: Floats) -> Cells:
        """Rows that are not known to repeat each other."""
        return cls(features, np.arange(len(features)))

    def rows(self) -> Floats:
        """All of them, float32 [rows, columns]."""
        is_all = np.array_equal(self.places, np.arange(len(self.distinct)))
        return self.distinct if is_all else self.distinct[self.places]


def read_cells(header: Header, content: bytes, start: int, text_at: int) -> tuple[Cells, list[str]]:
    """Features, and the texts of one column.

    A blank cell is 0 by the protocol, and what is finite and too large for float32 is its largest value.

    Args:
        content: of the whole file; its rows begin at `start`.
        text_at: the column of texts, the first or the last.

    Raises:
        InvalidInput: a row or a cell is not what it must be; the message names line and column.
    """
    rows = _Rows(header, text_at)
    in_quotes = content.find(b'"', start) >= 0  # they may hold commas and line breaks
    stream = io.BytesIO(content)
    stream.seek(start)
    for line in _quoted(stream, text_at) if in_quotes else _plain(stream, text_at):
        rows.add(*line)
    return rows.cells(), rows.texts


def _plain(stream: io.BytesIO, text_at: int) -> Iterator[Line]:
    """Number of the line, all cells but that of the text, as they stand, and the text; blank lines are none."""
    for number, line in enumerate(stream, HEADER_LINES + 1):
        if not line.strip(b", \t\r\n"):
            continue
        if text_at:
            cells, comma, text = line.rpartition(b",")
        else:
            text, comma, cells = line.rstrip(b"\r\n").partition(b",")
        yield number, cells if comma else (), text


def _quoted(stream: io.BytesIO, text_at: int) -> Iterator[Line]:
    """The same of a file with quotes."""
    try:
        reader = csv.reader(io.TextIOWrapper(stream, "utf-8", newline=""), strict=True)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                text = cells.pop(-1 if text_at else 0)
                yield reader.line_num + HEADER_LINES, tuple(cells), text
    except (UnicodeDecodeError, csv.Error) as error:
        raise _no_csv(error) from None


class _Rows:
    """What the lines gave so far."""

    def __init__(self, header: Header, text_at: int):
        self._header = header
        self._text_at = text_at
        self._known: dict[bytes, int] = {}
        self._distinct = bytearray()
        self._places: list[int] = []
        self._numbers = _Numbers()
        self.texts: list[str] = []

    def add(self, line: int, cells: Sequence[Cell] | bytes, text: Cell) -> None:
        """Take a line in."""
        key = _key(cells)
        place = self._known.get(key)
        if place is None:
            self._distinct += self._row(line, cells.split(b",") if isinstance(cells, bytes) else cells).tobytes()
            place = self._known[key] = len(self._known)
        self._places.append(place)
        self.texts.append(self._text(line, text))

    def cells(self) -> Cells:
        """Of all rows."""
        distinct = np.frombuffer(self._distinct, np.float32).reshape(len(self._known), len(self._header.columns) - 1)
        return Cells(distinct, np.array(self._places, np.int64))

    def _row(self, line: int, cells: Sequence[Cell]) -> Floats:
        wanted = len(self._header.columns)
        if len(cells) != wanted - 1:
            raise InvalidInput(f"line {line} has {len(cells) + 1} cells, line 3 names {wanted} columns")
        try:
            return np.fromiter(map(self._numbers.__getitem__, cells), np.float32, len(cells))
        except ValueError:
            raise self._no_number(line, cells) from None

    def _no_number(self, line: int, cells: Iterable[Cell]) -> InvalidInput:
        for at, cell in enumerate(cells):
            try:
                self._numbers[cell]
            except ValueError:
                name = self._header.columns[at + (at >= self._text_at)]
                told = (cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell).strip(" \t\r\n")
                return InvalidInput(f"line {line}, column '{name[:100]}': wanted is a finite number, got {told[:50]!r}")
        return InvalidInput(f"line {line} holds what is no number")

    def _text(self, line: int, text: Cell) -> str:
        try:
            told = (text.decode("utf-8") if isinstance(text, bytes) else text).strip()
        except UnicodeDecodeError as error:
            raise _no_csv(error) from None
        if not told:
            name = self._header.columns[self._text_at]
            raise InvalidInput(f"line {line} has nothing in column '{name}', wanted is a value")
        return told


class _Numbers(dict[Cell, float]):
    """What cells say, by their text."""

    def __missing__(self, cell: Cell) -> float:
        text = cell.decode("ascii", "replace") if isinstance(cell, bytes) else cell
        value = float(text) if text.strip() else 0.0
        # NaN, infinity and 1e400 say nothing that can be learned; "1_000", and digits and blanks of other scripts, are
        # numbers in Python's eyes only.
        if not math.isfinite(value) or "_" in text or not text.isascii():
            raise ValueError(text)
        value = min(max(value, -_LARGEST), _LARGEST)
        if len(self) < _MOST_KNOWN:
            self[cell] = value
        return value


def _key(cells: Sequence[Cell] | bytes) -> bytes:
    """What tells a row from others, in less memory than its text; no cell holds a NUL, see `split_header`."""
    text = cells if isinstance(cells, bytes) else "\0".join(map(str, cells)).encode()
    return blake2b(text, digest_size=_KEY_BYTES).digest()


def _no_csv(error: Exception) -> InvalidInput:
    return InvalidInput(f"the data file is no CSV in UTF-8: {str(error)[:100]}")
