"""A data file of any of the formats as frames of text."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import polars as pl

from datasets.tables.bounds import BOUNDS, Bounds
from datasets.tables.delimited import DelimitedTable
from datasets.tables.opening import PARQUET, peek
from datasets.tables.parquet import ParquetTable
from utils import InvalidInput


class ReadTable(Protocol):
    """A table as it is read."""

    names: tuple[str, ...]

    @property
    def format(self) -> str:
        """One of `datasets.tables.formats.FORMATS`."""

    def frames(self) -> Iterator[pl.DataFrame]:
        """All of its rows, every cell as text; null where there is none. May be gone through once."""


@contextmanager
def open_table(
    file: BinaryIO,
    folder: Path,
    look: Callable[[], None] = lambda: None,
    bounds: Bounds = BOUNDS,
    one_column: bool = False,
) -> Iterator[ReadTable]:
    """The table that a file holds; what format it is the file itself tells.

    Args:
        file: can seek.
        folder: for a temporary copy, when the format needs one.
        look: is called now and then; may raise.
        one_column: whether a table may have one only; else a text without separators is none.

    Raises:
        InvalidInput: it is no table, or one that is not taken, in words.
    """
    if peek(file).startswith(PARQUET):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".parquet") as copy:
            shutil.copyfileobj(file, copy, 1024 * 1024)
            copy.flush()
            yield ParquetTable(Path(copy.name), bounds, look)
    else:
        yield DelimitedTable(file, bounds, look, one_column=one_column)


def check_format(wanted: str, table: ReadTable) -> None:
    """See that a file is of the format that was said.

    Raises:
        InvalidInput: it is of another.
    """
    if wanted != table.format and not (wanted == "csv" and table.format == "tsv"):
        raise InvalidInput(f"the file was said to be {wanted}, and is {table.format}")
