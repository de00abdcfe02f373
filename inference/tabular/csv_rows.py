"""CSV in and out, a batch at a time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, BinaryIO

from bson import ObjectId

from datasets.tables.bounds import Bounds
from datasets.tables.dialect import HEAD_BYTES, Dialect, dialect_of
from datasets.tables.names import column_name
from datasets.tables.opening import PARQUET, peek, text_file
from inference.answers import Answer, Engine
from utils import InvalidInput

Predict = Callable[[list[dict[str, str]], int], list[dict[str, Any]]]

_MOST_CELL_CHARACTERS = 65_536
# What of an answer goes into a column, and the column's name.
_ADDED = (
    ("class", "predicted"),
    ("value", "predicted"),
    ("confidence", "confidence"),
    ("score", "score"),
    ("anomaly", "anomaly"),
    ("change_point", "change_point"),
)


@dataclass(frozen=True)
class CsvRows:
    """A text of rows.

    Attributes:
        separator: what stands between its cells.
        header: cells of the line that names the columns, as they stand there.
        names: what models call these columns.
        batches: the rows behind it, many at a time; raises InvalidInput where one has more or fewer cells.
    """

    separator: str
    header: list[str]
    names: list[str]
    batches: Iterator[list[list[str]]]


def csv_rows(file: BinaryIO, bounds: Bounds, at_once: int) -> CsvRows:
    """What a file holds; read as imports read it, so that a file like the one that was trained on is good.

    Args:
        file: at its beginning; can seek.

    Raises:
        InvalidInput: no text of rows, or a header that is none or has a name twice.
    """
    if peek(file).startswith(PARQUET):
        raise InvalidInput("the file is Parquet: send the rows as CSV")
    stream = text_file(file, bounds)
    dialect = dialect_of(stream.peek(HEAD_BYTES)[:HEAD_BYTES])
    stream.read(dialect.skipped)
    lines = _lines(io.TextIOWrapper(stream, encoding="utf-8", newline=""), dialect)
    header = next(lines, [])
    if not any(header):
        raise InvalidInput("the file must begin with a line of column names, and has none")
    names = [column_name(cell) for cell in header]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInput(f"the column name '{doubled[0]}' is there more than once: rename one")
    return CsvRows(dialect.separator, header, names, _batches(lines, len(header), at_once))


def with_predictions(file: BinaryIO, bounds: Bounds, at_once: int, predict: Predict) -> Iterator[bytes]:
    """The rows of a CSV file with what was predicted added to each, a batch at a time: UTF-8, separated as they came.

    That is `predicted`, and the `confidence` of a class; of time series `score`, `anomaly` and `change_point`.

    Args:
        file: as `csv_rows` takes it.
        predict: gives one answer (see the predictors) for each of some rows, which come by name, with the number of the
            first of them.

    Raises:
        InvalidInput: as `csv_rows`, or there is no row; while iterating.
    """
    rows = csv_rows(file, bounds, at_once)
    first = 1
    for batch in rows.batches:
        answers = predict([dict(zip(rows.names, cells, strict=True)) for cells in batch], first)
        kinds = [(key, name) for key, name in _ADDED if key in answers[0]]
        if first == 1:
            added = (_free(name, rows.names) for _, name in kinds)
            yield csv_bytes([[*rows.header, *added]], rows.separator)
        lines = zip(batch, answers, strict=True)
        told = ([*cells, *(_cell(answer[key]) for key, _ in kinds)] for cells, answer in lines)
        yield csv_bytes(told, rows.separator)
        first += len(batch)
    if first == 1:
        raise InvalidInput("the file has a line of column names and no row: send at least one")


def engine_predictions(
    engine: Engine,
    model_id: ObjectId,
    caller: str,
    again: Callable[[Callable[[], Answer]], Answer],
    warned: Callable[[list[str]], None] = lambda warnings: None,
) -> Predict:
    """What predicts rows for `with_predictions`; what a model remembers of some rows goes with the next.

    Args:
        caller: who is charged.
        again: makes the calls behind the first, which may have to wait for their turn.
        warned: gets the warnings about the first rows, columns that are not there among them.
    """
    state: str | None = None

    def predict(rows: list[dict[str, str]], first: int) -> list[dict[str, Any]]:
        nonlocal state
        content = json.dumps(rows if state is None else {"rows": rows, "state": state}).encode()

        def ask() -> Answer:
            return engine.predict_batch(model_id, [content], caller=caller)

        try:
            answer = ask() if first == 1 else again(ask)
        except InvalidInput as error:
            if first == 1:
                raise
            raise InvalidInput(f"in the {len(rows):,} rows from row {first:,} on: {error.detail}") from None
        if first == 1:
            warned(answer.rows[0].warnings)
        state = answer.rows[0].state
        return answer.rows[0].predictions

    return predict


def _cell(value: Any) -> Any:
    """As tables say it."""
    return str(value).lower() if isinstance(value, bool) else value


def _free(name: str, header: list[str]) -> str:
    """The name, or one more underscore at its end as long as the file has a column of that name."""
    return next(free for n in count() if (free := name + "_" * n) not in header)


def csv_bytes(rows: Iterable[list[Any]], separator: str = ",") -> bytes:
    """Rows as lines of a CSV file, UTF-8."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", delimiter=separator).writerows(rows)
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


def _lines(text: io.TextIOWrapper, dialect: Dialect) -> Iterator[list[str]]:
    """Cells of the lines that have any."""
    reader = csv.reader(text, strict=True, delimiter=dialect.separator)

    def line() -> str:
        return f"{dialect.lines + reader.line_num:,}"

    try:
        for cells in reader:
            if any(len(cell) > _MOST_CELL_CHARACTERS for cell in cells):
                raise InvalidInput(f"line {line()} has a cell of more than {_MOST_CELL_CHARACTERS:,} characters")
            if cells:
                yield cells
    except UnicodeDecodeError:
        raise InvalidInput(f"the file is no UTF-8 after line {line()}: convert it") from None
    except csv.Error as error:
        raise InvalidInput(f"line {line()} is no CSV: {error}") from None
