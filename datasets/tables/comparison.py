"""What is different between two states of a table. Columns are told apart by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from datasets.tables.cells import moment_of
from datasets.tables.changing import profile_of_table
from datasets.tables.frozen import FrozenTable
from datasets.tables.profile import QUANTILES, ColumnProfile, TableProfile
from datasets.tables.roles import RoleSettings
from datasets.tables.schema import Column, ColumnType, Task
from storage.store import Store
from storage.tables import Table

MOST_COLUMNS = 100
_LOW, _MEDIAN, _HIGH = (QUANTILES.index(at) for at in (0.05, 0.5, 0.95))


@dataclass(frozen=True)
class State:
    """A table as one side of the comparison has it.

    Attributes:
        columns: as they are read, by name, in the order of the file.
    """

    table: Table
    settings: RoleSettings
    profile: TableProfile
    columns: dict[str, Column]

    @classmethod
    def of(cls, store: Store, frozen: FrozenTable[Any], settings: type[RoleSettings]) -> State:
        """What is known of what a version names.

        Raises:
            Conflict: the profile is lost or damaged.
        """
        said, profile = settings.of(frozen.table.settings), profile_of_table(store, frozen.table)
        read = said.columns(column.column for column in profile.columns)
        return cls(frozen.table, said, profile, {column.name: column for column in read})

    def read(self) -> Iterator[ColumnProfile]:
        """What its columns hold, as numbers by the format by which they are read."""
        return (column.read_as(self.columns[column.column.name]) for column in self.profile.columns)

    @property
    def told(self) -> str | None:
        """The column whose classes are counted: what is predicted, or labels."""
        row = self.settings.to_row()
        name: str | None = row.get("target") or row.get("label")
        return name


def compare(store: Store, old: State, new: State) -> dict[str, Any]:
    """Compare two states.

    Returns:
        `same`; `rows`, see `datasets.tables.row_comparison`; `columns` that were `added`, `removed` or `retyped`, and
        whether they are `reordered`; `moved`, the `count` of columns of which other statistics are known, and the first
        `MOST_COLUMNS` of them, those that moved farthest first; `classes` with their rows; `settings` that differ.
    """
    from datasets.tables.row_comparison import compare_rows  # which brings an engine that few calls need

    columns, settings = _columns(old, new), _settings(old, new)
    moved = sorted(_moved(old, new), key=lambda column: -(column["shift"] or 0.0))
    return {
        "same": old.table.digest == new.table.digest and not settings,
        "rows": compare_rows(store, old, new),
        "columns": columns,
        "moved": {"count": len(moved), "columns": moved[:MOST_COLUMNS]},
        "classes": {"before": _classes(old), "after": _classes(new)},
        "settings": settings,
    }


def _columns(old: State, new: State) -> dict[str, Any]:
    stayed = [name for name in old.columns if name in new.columns]
    return {
        "added": [name for name in new.columns if name not in old.columns],
        "removed": [name for name in old.columns if name not in new.columns],
        "retyped": [
            {"name": name, "before": old.columns[name].as_read(), "after": new.columns[name].as_read()}
            for name in stayed
            if old.columns[name] != new.columns[name]
        ],
        "reordered": stayed != [name for name in new.columns if name in old.columns],
    }


def _settings(old: State, new: State) -> dict[str, Any]:
    before, after = _said(old.settings), _said(new.settings)
    return {
        name: {"before": before.get(name), "after": after.get(name)}
        for name in new.settings.FIELDS
        if before.get(name) != after.get(name)
    }


def _said(settings: RoleSettings) -> dict[str, Any]:
    row = settings.to_row()
    types = {column.name: column.as_read() for column in map(Column.of, row["types"])}
    return {**row, "types": types, "ignored": sorted(row["ignored"])}


def _classes(state: State) -> dict[str, int]:
    """How many rows each has; none where there is nothing to be told, or a number."""
    name = state.told
    if name is None or state.settings.task_now(state.profile) is Task.REGRESSION:
        return {}
    column = state.profile.of(name)
    return dict(column.values) if column.values_are_all else {}


def _moved(old: State, new: State) -> Iterator[dict[str, Any]]:
    after = {column.column.name: column for column in new.read()}
    for before in old.read():
        now = after.get(before.column.name)
        if now is None:
            continue
        first, second = _statistics(before), _statistics(now)
        names = [name for name in first if name in second]
        different = {n: {"before": first[n], "after": second[n]} for n in names if first[n] != second[n]}
        shift = _shift(before, now)
        if different or shift:
            yield {"name": before.column.name, "shift": shift, "statistics": different}


def _statistics(column: ColumnProfile) -> dict[str, Any]:
    found: dict[str, Any] = {"missing": column.missing, "distinct": column.distinct}
    summary = column.summary
    if summary is None:
        return found
    numbers = {"min": summary.least, "max": summary.most, "mean": summary.mean, "median": summary.quantiles[_MEDIAN]}
    is_date = column.column.type is ColumnType.DATE
    return found | {name: moment_of(number) if is_date else number for name, number in numbers.items()}


def _shift(old: ColumnProfile, new: ColumnProfile) -> float | None:
    """How far a column has moved; None where that cannot be told.

    Of numbers and dates the farthest way of a quantile from 5 % to 95 %, in widths between these two, the wider one of
    both. Of others the share of the rows that would have to have another value (the total variation distance).
    """
    if old.summary and new.summary:
        if old.column.type is not new.column.type:
            return None
        before, after = old.summary.quantiles[_LOW : _HIGH + 1], new.summary.quantiles[_LOW : _HIGH + 1]
        way = max(abs(a - b) for a, b in zip(before, after, strict=True))
        width = max(before[-1] - before[0], after[-1] - after[0])
        return round(way / width, 4) if width else float(way > 0)
    if not (old.values_are_all and new.values_are_all):
        return None
    shares = [_shares(column) for column in (old, new)]
    words = {*shares[0], *shares[1]}
    return round(sum(abs(shares[0].get(word, 0.0) - shares[1].get(word, 0.0)) for word in words) / 2, 4)


def _shares(column: ColumnProfile) -> dict[str, float]:
    total = sum(count for _, count in column.values)
    return {word: count / total for word, count in column.values}
