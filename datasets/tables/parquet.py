"""Parquet as frames of text, some rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from datasets.tables.bounds import Bounds
from datasets.tables.cells import shown
from datasets.tables.delimited import without_empty
from datasets.tables.names import column_names
from utils import InvalidInput

_CELLS_A_FRAME = 1_000_000
_TEXTS = (pl.String, pl.Categorical, pl.Enum, pl.Boolean, pl.Date, pl.Null)


class ParquetTable:
    """A table in a Parquet file.

    Raises:
        InvalidInput: it is none, or has columns that are no cells of a table.
    """

    format = "parquet"

    def __init__(self, path: Path, bounds: Bounds, look: Callable[[], None]):
        self._bounds = bounds
        self._look = look
        try:
            self._scan = pl.scan_parquet(path)
            schema = self._scan.collect_schema()
            self._rows = int(self._scan.select(pl.len()).collect().item())
        except (PolarsError, OSError) as error:
            raise InvalidInput(f"the Parquet file cannot be read: {str(error)[:200]}") from None
        if self._rows > bounds.rows:
            raise InvalidInput(f"the table has {self._rows:,} rows, allowed are {bounds.rows:,}")
        if len(schema) < 2:
            raise InvalidInput("the table has fewer than two columns: wanted one to predict, and one to predict from")
        self.names = column_names(list(schema), bounds)
        self._texts = [_text(old, new, schema[old]) for old, new in zip(schema, self.names, strict=True)]

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows in their order, every cell as text; null where there is none.

        Raises:
            InvalidInput: the file is damaged, or a cell too long.
        """
        size = max(1, _CELLS_A_FRAME // len(self.names))
        unpacked = 0
        for start in range(0, self._rows, size):
            self._look()
            try:
                frame = self._scan.slice(start, size).select(self._texts).collect()
            except PolarsError as error:
                raise InvalidInput(f"the Parquet file is damaged: {str(error)[:200]}") from None
            unpacked += self._check(frame, start)
            if unpacked > self._bounds.file:
                raise InvalidInput(
                    f"the data have more than {self._bounds.file:,} bytes as text, which is the most allowed: "
                    "leave rows or columns out"
                )
            yield without_empty(frame)

    def _check(self, frame: pl.DataFrame, start: int) -> int:
        """See that no cell is too long or holds NUL; gives the bytes of all of them, with one for each border."""
        lengths = frame.select(pl.all().str.len_bytes().fill_null(0))
        longest = lengths.max().row(0)
        nul = frame.select(pl.all().str.contains("\0", literal=True).any()).row(0)
        for name, length, has_nul in zip(self.names, longest, nul, strict=True):
            if length > self._bounds.cell or has_nul:
                what = "the character NUL" if has_nul else f"{length:,} bytes, allowed are {self._bounds.cell:,}"
                raise InvalidInput(f"a cell of column {shown(name)} behind row {start:,} holds {what}")
        return sum(lengths.sum().row(0)) + lengths.width * lengths.height


def _text(old: str, name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as text: numbers as they are written shortest, moments by ISO 8601 in UTC."""
    column = pl.col(old)
    if isinstance(dtype, _TEXTS) or dtype.is_numeric():
        return column.cast(pl.String).alias(name)
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone:
            return column.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ").alias(name)
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.f").alias(name)
    raise InvalidInput(
        f"the column {shown(name)} is of type {dtype}: wanted texts, numbers, truths or dates; turn it into one of "
        "these, or leave it out"
    )
