"""What somebody has said of a table, whatever kind of data it is of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, Protocol

from datasets.tables.profile import TableProfile
from datasets.tables.rows_file import ReadRange, RowIndex
from datasets.tables.schema import Column

# What a column may be used for, whatever kind of data it is of.
ColumnRole = Literal["target", "feature", "group", "split", "ignored", "text", "time", "series", "label", "sensor"]


class RoleSettings(Protocol):
    """What somebody has said of a table of one kind: what its columns are for, and how they are read.

    Attributes:
        FIELDS: names of what may be set, `ignored` and `types` among them.
        types: how columns are to be read of which somebody has said it, by name.
    """

    FIELDS: ClassVar[tuple[str, ...]]

    @property
    def types(self) -> Mapping[str, Any]: ...

    @classmethod
    def begin(cls, profile: TableProfile) -> Any:
        """Settings of a table of which nobody has said anything."""
        ...

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Any:
        """What `to_row` gave."""
        ...

    def to_row(self) -> dict[str, Any]:
        """As the database keeps them."""
        ...

    def columns(self, found: Iterable[Column]) -> tuple[Column, ...]:
        """The columns as they are to be read."""
        ...

    def kept(self, names: Iterable[str]) -> Any:
        """Those that are about columns of these names, for a table that replaces another."""
        ...

    def check(self, profile: TableProfile) -> None:
        """See that they are about columns that there are, and fit to what these hold.

        Raises:
            InvalidInput: with one entry in `errors` for each bad field.
        """
        ...

    def findings(self, profile: TableProfile, index: RowIndex, read: ReadRange) -> list[dict[str, Any]]:
        """What they make of the rows: code and message of each, and the name of the column when it is about one."""
        ...

    def role_of(self, column: Column) -> ColumnRole:
        """What a column is used for."""
        ...

    def task_now(self, profile: TableProfile) -> Any:
        """What is learned, where that is a question; else None."""
        ...
