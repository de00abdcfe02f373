"""CSV in and out, a batch at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO

from utils import InvalidInput

_MOST_CELL_CHARACTERS = 65_536


def csv_rows(stream: BinaryIO, at_once: int) -> tuple[list[str], Iterator[list[list[str]]]]:
    """Header, and rows in batches.

    Raises:
        InvalidInput: no UTF-8, no header or one with a name twice, or a row with more or fewer cells; also while
            iterating.
    """
    lines = _lines(io.TextIOWrapper(stream, encoding="utf-8-sig", newline=""))
    header = next(lines, [])
    if not any(header):
        raise InvalidInput("the file must begin with a line of column names, and has none")
    if doubled := sorted({name for name in header if header.count(name) > 1}):
        raise InvalidInput(f"the column name '{doubled[0]}' is there more than once: rename one")
    return header, _batches(lines, len(header), at_once)


def csv_bytes(rows: Iterable[list[Any]]) -> bytes:
    """Rows as lines of a CSV file, UTF-8."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _batches(lines: Iterator[list[str]], width: int, at_once: int) -> Iterator[list[list[str]]]:
    number = 1
    while batch := list(islice(lines, at_once)):
        for cells in batch:
            if len(cells) != width:
                raise InvalidInput(
                    f"row {number} has {len(cells):,} cells, and the header {width:,}: write one a column"
                )
            number += 1
        yield batch


def _lines(text: io.TextIOWrapper) -> Iterator[list[str]]:
    """Cells of the lines that have any."""
    reader = csv.reader(text, strict=True)
    try:
        for cells in reader:
            if any(len(cell) > _MOST_CELL_CHARACTERS for cell in cells):
                raise InvalidInput(
                    f"line {reader.line_num} has a cell of more than {_MOST_CELL_CHARACTERS:,} characters"
                )
            if cells:
                yield cells
    except UnicodeDecodeError:
        raise InvalidInput(f"the file is no UTF-8 after line {reader.line_num}: convert it") from None
    except csv.Error as error:
        raise InvalidInput(f"line {reader.line_num} is no CSV: {error}") from None
