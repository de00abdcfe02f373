"""What somebody has said of a table: what is predicted, what is left out, and how columns are read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from datasets.tables.cells import shown
from datasets.tables.parts import part_of
from datasets.tables.profile import ColumnProfile, TableProfile
from datasets.tables.rows_file import ReadRange, RowIndex
from datasets.tables.schema import TRAIN_PART, Column, ColumnType, DateFormat, NumberFormat, TableSchema, Task
from utils import InvalidInput, some_of

_MOST_REGRESSION_CLASSES = 20
_NEAR = 3


@dataclass(frozen=True)
class TypeWish:
    """How a column is to be read; the formats are those of `Column`."""

    type: ColumnType
    date_format: DateFormat | None = None
    number_format: NumberFormat | None = None

    def column(self, name: str) -> Column:
        """A column of this name as it is to be read."""
        return Column(name, self.type, self.date_format, self.number_format)


@dataclass(frozen=True)
class TableSettings:
    """Settings of a table; names are those of its columns.

    Attributes:
        split: the column that says train, val or test of each row.
        types: of columns that are to be read otherwise than was found out.
        task: None to decide by the target.
    """

    FIELDS: ClassVar[tuple[str, ...]] = ("target", "ignored", "types", "group", "split", "task")

    target: str | None = None
    ignored: tuple[str, ...] = ()
    types: Mapping[str, TypeWish] = field(default_factory=dict)
    group: str | None = None
    task: Task | None = None
    split: str | None = None

    @classmethod
    def begin(cls, profile: TableProfile) -> TableSettings:
        """Those of a new table: what is to be predicted, nobody can guess."""
        return cls()

    def to_row(self) -> dict[str, Any]:
        """As the database keeps them."""
        task = self.task and self.task.value
        types = type_rows(self.types)
        fields = {"target": self.target, "ignored": list(self.ignored), "types": types, "group": self.group}
        return {**fields, "task": task, "split": self.split}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> TableSettings:
        """What `to_row` gave."""
        task = row["task"] and Task(row["task"])
        return cls(row["target"], tuple(row["ignored"]), types_of(row["types"]), row["group"], task, row.get("split"))

    def columns(self, found: Iterable[Column]) -> tuple[Column, ...]:
        """The columns as they are to be read."""
        return read_as(self.types, found)

    def schema(self, found: Iterable[Column]) -> TableSchema | None:
        """Columns and what they are for; None as long as there is no target."""
        if self.target is None:
            return None
        return TableSchema(self.columns(found), self.target, frozenset(self.ignored), self.group, self.split)

    def kept(self, names: Iterable[str]) -> TableSettings:
        """Those that are about columns of these names, for a table that replaces another."""
        there = set(names)
        return replace(
            self,
            target=self.target if self.target in there else None,
            ignored=tuple(name for name in self.ignored if name in there),
            types={name: wish for name, wish in self.types.items() if name in there},
            group=self.group if self.group in there else None,
            task=self.task if self.target in there else None,
            split=self.split if self.split in there else None,
        )

    def check(self, profile: TableProfile) -> None:
        """See that settings are about columns that there are, and fit to what these hold.

        Raises:
            InvalidInput: with one entry in `errors` for each bad field.
        """
        said: dict[str, Iterable[str | None]] = {"target": [self.target], "ignored": self.ignored, "types": self.types}
        said |= {"group": [self.group], "split": [self.split]}
        errors = [*unknown(said, profile)]
        refuse(
            errors or [*unfit_types(self.types, profile), *_roles(self), *_split(self, profile), *_task(self, profile)]
        )

    def findings(self, profile: TableProfile, index: RowIndex, read: ReadRange) -> list[dict[str, Any]]:
        """What they make of the rows, as a table keeps it: which columns give the target away."""
        schema = self.schema(column.column for column in profile.columns)
        if schema is None or schema.target_column.type is ColumnType.TEXT:
            return []
        # It brings an engine that no other call of a web process needs.
        from datasets.tables.leaks import leaks

        found = leaks(schema, task_of(self, profile.of(schema.target)), index, read)
        return [{"name": name, "code": item.code, "message": item.message} for name, item in found.items()]

    def role_of(self, column: Column) -> Literal["target", "feature", "group", "split", "ignored", "text"]:
        """What a column is used for."""
        if column.name == self.target:
            return "target"
        if column.name in self.ignored:
            return "ignored"
        if column.name == self.group:
            return "group"
        if column.name == self.split:
            return "split"
        return "text" if column.type is ColumnType.TEXT else "feature"

    def task_now(self, profile: TableProfile) -> Task | None:
        """What is learned; None as long as there is no target."""
        return None if self.target is None else task_of(self, profile.of(self.target))


def type_rows(types: Mapping[str, TypeWish]) -> list[dict[str, Any]]:
    """As the database keeps them; names of columns are values there, since they may hold any character."""
    return [{"name": name, **wish.column(name).as_read()} for name, wish in sorted(types.items())]


def types_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, TypeWish]:
    """What `type_rows` gave."""
    columns = map(Column.of, rows)
    return {column.name: TypeWish(column.type, column.date_format, column.number_format) for column in columns}


def read_as(types: Mapping[str, TypeWish], found: Iterable[Column]) -> tuple[Column, ...]:
    """The columns as they are to be read."""
    return tuple(types[column.name].column(column.name) if types.get(column.name) else column for column in found)


def refuse(errors: Iterable[tuple[str, str]]) -> None:
    """See that nothing is wrong.

    Args:
        errors: fields, each with what is wrong with it.

    Raises:
        InvalidInput: with one entry in `errors` for each.
    """
    found = [{"field": name, "message": message} for name, message in errors]
    if found:
        raise InvalidInput("; ".join(entry["message"] for entry in found), found)


def unknown(said: Mapping[str, Iterable[str | None]], profile: TableProfile) -> Iterable[tuple[str, str]]:
    """What is wrong with names of columns, by the field that they stand in: the table has not each of them."""
    names = [column.column.name for column in profile.columns]
    known = set(names)
    for where, given in said.items():
        for name in given:
            if name is not None and name not in known:
                yield where, f"{where}: the table has no column {shown(name)}: {nearest(name, names)}"


def nearest(name: str, names: list[str]) -> str:
    """Which of the names is meant by one that is none of them, in words."""
    lower = {known.lower(): known for known in names}
    near = [lower[found] for found in difflib.get_close_matches(name.lower(), lower, _NEAR, 0.5)]
    return f"do you mean {' or '.join(map(shown, near))}?" if near else f"it has {some_of(names)}"


def unfit_types(types: Mapping[str, TypeWish], profile: TableProfile) -> Iterable[tuple[str, str]]:
    """What is wrong with wishes for types, which are all about columns that there are."""
    columns = {column.column.name: column for column in profile.columns}
    for name, wish in types.items():
        if problem := _problem(wish, columns[name]):
            yield "types", f"types: the column {shown(name)} cannot be {wish.type.value}: {problem}"


def _problem(wish: TypeWish, column: ColumnProfile) -> str | None:
    if wish.date_format and wish.type is not ColumnType.DATE:
        return "a date_format goes with the type date only"
    if wish.number_format and wish.type is not ColumnType.NUMBER:
        return "a number_format goes with the type number only"
    if wish.type is ColumnType.NUMBER:
        return _no_numbers(wish.number_format, column)
    return _no_dates(wish, column) if wish.type is ColumnType.DATE else None


def _no_numbers(wanted: NumberFormat | None, column: ColumnProfile) -> str | None:
    if wanted is None:
        if ColumnType.NUMBER in column.unreadable and column.numbers:
            return f"say which number_format it has: {' or '.join(known.value for known in column.numbers)}"
        return first_unreadable(column, ColumnType.NUMBER)
    # What holds nothing is of any format; profiles of earlier versions know none.
    if wanted in column.numbers or not column.distinct:
        return None
    bad = column.misread.get(wanted)
    where = f"row {bad.row:,} holds {shown(bad.text)}" if bad else "import the file again to have its numbers looked at"
    return f"its numbers are not all written as {wanted.value}: {where}"


def _no_dates(wish: TypeWish, column: ColumnProfile) -> str | None:
    if wish.date_format in column.dates or None in column.dates:
        return None
    if column.dates:
        formats = " or ".join(date_format.value for date_format in column.dates if date_format)
        return f"say which date_format it has: {formats}"
    return first_unreadable(column, ColumnType.DATE) or "it has no value"


def first_unreadable(column: ColumnProfile, kind: ColumnType) -> str | None:
    """The first cell that keeps a column from being of a type, in words; None when there is none."""
    bad = column.unreadable.get(kind)
    return f"row {bad.row:,} holds {shown(bad.text)}" if bad else None


def _roles(settings: TableSettings) -> Iterable[tuple[str, str]]:
    target = settings.target
    if target is None:
        if settings.task:
            yield "task", "task: there is no target yet: set it as well"
        return
    if target in settings.ignored:
        yield "ignored", f"ignored: {shown(target)} is the target, which cannot be ignored"
    if target == settings.group:
        yield "group", f"group: {shown(target)} is the target: rows would be grouped by what is predicted"


def _split(settings: TableSettings, profile: TableProfile) -> Iterable[tuple[str, str]]:
    name = settings.split
    if name is None:
        return
    if name in (settings.target, settings.group):
        yield "split", f"split: {shown(name)} is the target or the group: choose a column that says train, val or test"
        return
    column = profile.of(name)
    if strange := [value for value, _ in column.values if part_of(value) is None]:
        wanted = "must hold train, val or test in each row, or nothing"
        yield "split", f"split: {shown(name)} {wanted}, got {some_of(strange)}"
    elif not any(part_of(value) == TRAIN_PART for value, _ in column.values) and not column.missing:
        yield "split", f"split: {shown(name)} says of no row that it is to be trained on"


def _task(settings: TableSettings, profile: TableProfile) -> Iterable[tuple[str, str]]:
    if settings.target is None:
        return
    column = profile.of(settings.target)
    kind = settings.columns([column.column])[0].type
    if kind is ColumnType.DATE:
        yield "target", f"target: {shown(settings.target)} is a column of dates: wanted numbers or categories"
    if settings.task is Task.REGRESSION and kind is not ColumnType.NUMBER:
        why = first_unreadable(column, ColumnType.NUMBER) or f"it is read as {kind.value}"
        yield "task", f"task: regression needs a target of numbers, and {shown(settings.target)} is none: {why}"


def task_of(settings: TableSettings, profile: ColumnProfile) -> Task:
    """What is learned: what was said, else regression for numbers of more than 20 different values or with fractions.

    Args:
        profile: of the target.
    """
    if settings.task:
        return settings.task
    (read,) = settings.columns([profile.column])
    summary = profile.read_as(read).summary
    if read.type is not ColumnType.NUMBER or summary is None:
        return Task.CLASSIFICATION
    many = not profile.distinct_is_exact or profile.distinct > _MOST_REGRESSION_CLASSES
    return Task.REGRESSION if many or not summary.whole else Task.CLASSIFICATION
