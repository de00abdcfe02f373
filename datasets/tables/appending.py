"""Rows that are added to a project's data by themselves, without a file.

They are stored as they come, in batches (`storage.appended`), and become part of the table when enough of them wait,
and before each training (`datasets.tables.folding`).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from datasets.imports.options import ImportOptions
from datasets.tables.bounds import BOUNDS
from datasets.tables.cells import reader_of, shown, text_of
from datasets.tables.changing import settings_class
from datasets.tables.formats import ROWS
from datasets.tables.names import MOST_NAME_CHARACTERS, column_name
from datasets.tables.schema import Column, ColumnType, NumberFormat
from datasets.tables.settings import nearest, refuse
from storage.appended import Waiting
from storage.project import Project
from storage.store import Store
from storage.tables import Table
from utils import InvalidInput, TooLarge, TooManyRequests

MOST_ROWS = 10_000
NAME = "appended rows"
_MOST_BATCH_BYTES = 12 * 1024 * 1024
_MOST_WAITING_ROWS, _MOST_WAITING_BYTES = 5_000_000, 1024 * 1024 * 1024
_MANY_ROWS, _MANY_BYTES, _MANY_BATCHES = 1_000, 64 * 1024 * 1024, 2_000
_RETRY_SECONDS = 60
_MOST_ERRORS = 20


@dataclass(frozen=True)
class RowBatch:
    """Rows as text, each cell in the order of the names; null where there is none."""

    names: tuple[str, ...]
    rows: list[list[str | None]]

    def to_bytes(self) -> bytes:
        """Compressed JSON; `of` gives it back."""
        return zlib.compress(json.dumps([self.names, self.rows], ensure_ascii=False).encode(), 1)

    @classmethod
    def of(cls, content: bytes) -> RowBatch:
        """What `to_bytes` gave."""
        names, rows = json.loads(zlib.decompress(content))
        return cls(tuple(names), rows)


def append_rows(
    store: Store, project: Project, rows: Sequence[Mapping[str, Any]], source: str, key: str | None = None
) -> int:
    """Add rows to a project's data; they are all there, for good, when this comes back, or none is.

    Args:
        rows: values by the name of their column; what is not named is missing.
        source: where they come from, for people.
        key: of what brought them; brought again within a day, they are not added twice.

    Returns:
        How many rows were added.

    Raises:
        InvalidInput: a row is none, holds a column that the table has not, or a cell that is no value of its column.
        TooLarge: too many rows, too long cells, or more than a table may hold.
        TooManyRequests: too many wait to become part of the table.
    """
    if not rows:
        raise InvalidInput("rows: there is none: send objects with a value a column, by its name")
    if len(rows) > MOST_ROWS:
        raise TooLarge(f"{len(rows):,} rows, at most {MOST_ROWS:,} at a time: send them in several")
    table = store.tables.current(project.id)
    batch = _batch(rows, _columns(project, table))
    content = batch.to_bytes()
    if len(content) > _MOST_BATCH_BYTES:
        raise TooLarge("these rows are too many bytes to be taken at a time: send them in several")
    waiting = store.appended.waiting(project.id, table.folded if table else 0)
    _check_room(table, waiting, len(rows))
    store.appended.add(project.id, content, len(rows), source, key)
    if is_much(table, waiting, len(rows)):
        _queue(store, project)
    return len(rows)


def waiting_rows(store: Store, project: Project, table: Table | None) -> int:
    """How many rows are not part of the table yet."""
    return store.appended.waiting(project.id, table.folded if table else 0).rows


def delete_rows(store: Store, project: Project) -> None:
    """Leave a project without its table, and without rows that wait.

    Raises:
        NotFound: it has neither.
    """
    table = store.tables.current(project.id)
    waiting = waiting_rows(store, project, table)
    # What waits goes first: it would come back as a table of its own.
    store.appended.drop(project.id, store.appended.last(project.id))
    if table or not waiting:
        store.tables.withdraw(project.id)


def is_much(table: Table | None, waiting: Waiting, more: int) -> bool:
    """Whether it is worth writing the whole table anew: then what is written is at most eleven times what came."""
    if table is None:
        return True
    many = max(_MANY_ROWS, table.rows // 10)
    return waiting.rows + more >= many or waiting.size >= _MANY_BYTES or waiting.batches >= _MANY_BATCHES


def _queue(store: Store, project: Project) -> None:
    # With as many imports as allowed the rows wait for the next that come, or for a training.
    with suppress(TooManyRequests):
        store.imports.queue(project.id, project.owner_id, NAME, ImportOptions(format=ROWS).to_row())


def _check_room(table: Table | None, waiting: Waiting, more: int) -> None:
    if waiting.rows + more > _MOST_WAITING_ROWS or waiting.size > _MOST_WAITING_BYTES:
        raise TooManyRequests(
            f"{waiting.rows:,} rows wait to become part of the table, which a worker does: send again later",
            retry_after_seconds=_RETRY_SECONDS,
        )
    there = (table.rows if table else 0) + waiting.rows
    if there + more > BOUNDS.rows:
        raise TooLarge(f"the table has {there:,} rows, and at most {BOUNDS.rows:,} are allowed: begin another project")


def _columns(project: Project, table: Table | None) -> dict[str, Column] | None:
    """The columns as they are read; None as long as there is no table."""
    if table is None:
        return None
    settings = settings_class(project.type).of(table.settings)
    return {column.name: column for column in settings.columns(map(Column.of, table.columns))}


def _batch(rows: Sequence[Mapping[str, Any]], columns: dict[str, Column] | None) -> RowBatch:
    names = _names(rows)
    if columns is None:
        _check_new(names)
    elif other := [name for name in names.values() if name not in columns]:
        raise InvalidInput(
            "; ".join(f"the table has no column {shown(name)}: {nearest(name, list(columns))}" for name in other[:3])
        )
    places = {name: place for place, name in enumerate(dict.fromkeys(names.values()))}
    batch = RowBatch(tuple(places), [[None] * len(places) for _ in rows])
    refuse(_filled(batch, rows, {key: places[name] for key, name in names.items()}, columns or {}))
    return batch


def _names(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The names that rows use, each as it is kept."""
    keys: dict[str, None] = {}
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise InvalidInput(f"row {number} must be an object with values by column name, got {row!r:.60}")
        if not row:
            raise InvalidInput(f"row {number} is empty: send at least one value, by the name of its column")
        keys.update(dict.fromkeys(row))
    names = {key: column_name(key) for key in keys}
    if len(set(names.values())) < len(names):
        raise InvalidInput("two names of columns differ by spaces only: use one of them")
    return names


def _check_new(names: Mapping[str, str]) -> None:
    if len(names) > BOUNDS.columns:
        raise TooLarge(f"the rows have {len(names):,} columns, allowed are {BOUNDS.columns:,}: leave some out")
    for name in names.values():
        if not 0 < len(name) <= MOST_NAME_CHARACTERS:
            raise InvalidInput(f"the name of a column has 1 to {MOST_NAME_CHARACTERS} characters, got {shown(name)}")


def _filled(
    batch: RowBatch, rows: Sequence[Mapping[str, Any]], places: Mapping[str, int], columns: Mapping[str, Column]
) -> Iterator[tuple[str, str]]:
    """Put the cells in; gives the first of those that cannot be read."""
    found = 0
    readers = {
        key: reader_of(column)
        for key, place in places.items()
        if (column := columns.get(batch.names[place])) and column.type is not ColumnType.TEXT
    }
    formats = {
        key: column.number_format for key, place in places.items() if (column := columns.get(batch.names[place]))
    }
    for number, (row, cells) in enumerate(zip(rows, batch.rows, strict=True), 1):
        for key, value in row.items():
            try:
                cells[places[key]] = text = _text(value, formats.get(key))
                if text is not None and key in readers:
                    readers[key](text)
            except ValueError as error:
                yield "rows", f"row {number}, column {shown(key)}: {error}"
                found += 1
        if found >= _MOST_ERRORS:
            return


def _text(value: object, number_format: NumberFormat | None) -> str | None:
    text = text_of(value, number_format)
    if text is None or text == "":
        return None
    if "\0" in text or len(text.encode(errors="surrogatepass")) > BOUNDS.cell:
        raise ValueError(f"a cell holds at most {BOUNDS.cell:,} bytes of text, without NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("half of a character: it is no text") from None
    return text
