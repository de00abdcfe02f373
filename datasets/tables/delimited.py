"""CSV, TSV and their kin as frames of text, block by block."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

import polars as pl
from polars.exceptions import PolarsError

from datasets.tables.bounds import MIB, Bounds
from datasets.tables.dialect import HEAD_BYTES, SEPARATORS, dialect_of
from datasets.tables.names import column_names
from datasets.tables.opening import text_file
from datasets.tables.structure import Block
from utils import InvalidInput, plural

_BLOCK_BYTES = 8 * MIB
# A list of text or lists, an object with a key, in a list or not, or nothing at all: no line of names begins so.
_JSON = re.compile(rb'\s*(?:\[\s*(?:"|\[\s*["\d])|(?:\[\s*)?\{\s*"(?:[^"\\]|\\.)*"\s*:|(?:\[\s*\]|\{\s*\})\s*\Z)')


class DelimitedTable:
    """A table in lines; the first names its columns.

    Args:
        file: at its beginning; can seek.
        look: is called for each block; may raise.
        separator: what stands between the cells; None to find out.

    Raises:
        InvalidInput: it is no such table, in words.
    """

    def __init__(
        self,
        file: BinaryIO,
        bounds: Bounds,
        look: Callable[[], None],
        block_bytes: int = _BLOCK_BYTES,
        separator: str | None = None,
        one_column: bool = False,
    ):
        self._file = text_file(file, bounds)
        self._bounds = bounds
        self._look = look
        self._block_bytes = block_bytes
        self._one_column = one_column
        self._rest = self._file.read(min(HEAD_BYTES, block_bytes))
        if not self._rest.strip():
            raise InvalidInput("the file is empty: wanted a line that names the columns, and a line for each row")
        if _JSON.match(self._rest):
            raise InvalidInput(
                "the file is JSON: send the table as CSV, TSV or Parquet, or its rows as JSON by "
                "POST /api/v1/projects/<project>/rows"
            )
        dialect = dialect_of(self._rest)
        self._rest, self._line = self._rest[dialect.skipped :], 1 + dialect.lines
        self.separator = separator or dialect.separator
        self.names = self._header()

    @property
    def format(self) -> str:
        """`csv` or `tsv`."""
        return "tsv" if self.separator == "\t" else "csv"

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows in their order, every cell as text; null where a cell is empty.

        Raises:
            InvalidInput: a line is not as it must be; says which.
        """
        rows = 0
        for block in self._blocks():
            self._look()
            block.check(len(self.names), self._bounds)
            frame = self._frame(block)
            rows += len(frame)
            if rows > self._bounds.rows:
                raise InvalidInput(f"the table has more than {self._bounds.rows:,} rows, which is the most allowed")
            if len(frame):
                yield frame

    def _header(self) -> tuple[str, ...]:
        """Takes the first line off what is read."""
        while not (block := Block(self._rest, self.separator, self._line)).ends.size:
            if not self._more():
                block.check_quotes()
                also = ", with LF or CRLF at the end of lines" if b"\r" in self._rest else ""
                raise InvalidInput(f"the file is one line: wanted one for the columns, and one for each row{also}")
        stop = int(block.ends[0]) + 1
        head = Block(self._rest[:stop], self.separator, self._line)
        head.check_text()
        head.check_quotes()
        line = self._rest[:stop].decode()
        if "\r" in line.rstrip("\r\n"):
            raise InvalidInput("the lines of the file end with CR alone: save it with LF or CRLF at the end of lines")
        self._rest, self._line = self._rest[stop:], self._line + head.lines
        cells = next(csv.reader(io.StringIO(line, newline=""), delimiter=self.separator), [])
        if len(cells) == 1 and not self._one_column:
            known = ", ".join(SEPARATORS.values())
            raise InvalidInput(
                f"the first line has one cell only: wanted at least two columns with one of these between: {known}"
            )
        return column_names(cells, self._bounds)

    def _more(self) -> bool:
        """Read on; false at the end of the file."""
        if len(self._rest) > max(self._bounds.row, self._block_bytes):
            Block(self._rest, self.separator, self._line).check_quotes()
            raise InvalidInput(
                f"line {self._line:,} begins a row of more than {self._bounds.row:,} bytes: is there a quote that is "
                "never closed?"
            )
        content = self._file.read(self._block_bytes)
        self._rest += content
        return bool(content)

    def _blocks(self) -> Iterator[Block]:
        while True:
            is_more = self._more()
            if not is_more and self._rest and not self._rest.endswith(b"\n"):
                self._rest += b"\n"
            whole = Block(self._rest, self.separator, self._line)
            stop = int(whole.ends[-1]) + 1 if len(whole.ends) else 0
            if stop:
                block = Block(self._rest[:stop], self.separator, self._line)
                self._rest, self._line = self._rest[stop:], self._line + block.lines
                yield block
            if not is_more:
                if self._rest:
                    Block(self._rest, self.separator, self._line).check_quotes()
                    raise InvalidInput(f"line {self._line:,} begins a cell in quotes that is never closed")
                return

    def _frame(self, block: Block) -> pl.DataFrame:
        try:
            frame = pl.read_csv(
                block.content,
                has_header=False,
                separator=self.separator,
                infer_schema=False,
                schema={name: pl.String() for name in self.names},
            )
        except PolarsError as error:
            line = block.line_at(0)
            raise InvalidInput(f"the lines from {line:,} on cannot be read: {str(error)[:200]}") from None
        blank = block.blank()
        if len(frame) != len(blank):
            raise InvalidInput(
                f"the lines from {block.line_at(0):,} on are {plural(len(blank), 'row')}, and {len(frame):,} were read"
            )
        if blank.any():
            frame = frame.filter(pl.Series(~blank))
        return without_empty(frame)


def without_empty(frame: pl.DataFrame) -> pl.DataFrame:
    """Null where a cell holds no character."""
    return frame.with_columns(pl.when(pl.all().str.len_bytes() > 0).then(pl.all()))
