"""Versions of a data set: frozen for good, to train on again and to compare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from diyml_client.bound import Collection
from diyml_client.records import Record, read
from diyml_client.transport import path_of


@dataclass
class Version(Record):
    """Images with labels, or a table with its settings, as they were at a moment; equal data have an equal `digest`."""

    version: int = 0
    name: str = ""
    description: str = ""
    digest: str = ""
    images: int = 0
    labelled: int = 0
    classes: list[str] = field(default_factory=list)
    rows: int = 0
    columns: int = 0
    created_at: datetime | None = None
    created_by: str = ""
    jobs: int = 0


@dataclass
class Differing(Record):
    """How many images differ, and the first names."""

    count: int = 0
    names: list[str] = field(default_factory=list)


@dataclass
class RowsCompared(Record):
    """Rows by their cells, or by the column `key`; None where tables are too large to be compared."""

    before: int = 0
    after: int = 0
    compared: bool = False
    key: str | None = None
    added: int | None = None
    removed: int | None = None
    changed: int | None = None
    unchanged: int | None = None


@dataclass
class ColumnsCompared(Record):
    """What has become of the columns of a table."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    retyped: list[dict[str, Any]] = field(default_factory=list)
    reordered: bool = False


@dataclass
class ColumnsMoved(Record):
    """How many columns of a table have other statistics, and the first, those that moved farthest first."""

    count: int = 0
    columns: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class TableComparison(Record):
    """What is different between two versions of a table."""

    same: bool = False
    rows: RowsCompared = field(default_factory=RowsCompared)
    columns: ColumnsCompared = field(default_factory=ColumnsCompared)
    moved: ColumnsMoved = field(default_factory=ColumnsMoved)
    classes: dict[str, dict[str, int]] = field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Comparison(Record):
    """What is different between two versions of images."""

    same: bool = False
    added: Differing = field(default_factory=Differing)
    removed: Differing = field(default_factory=Differing)
    replaced: Differing = field(default_factory=Differing)
    relabelled: Differing = field(default_factory=Differing)
    resplit: Differing = field(default_factory=Differing)
    unchanged: int = 0


class Versions(Collection):
    """`project.versions`."""

    def list(self) -> Iterator[Version]:
        """All of them, newest first."""
        return self._transport.pages(self._path(), lambda item: read(Version, item), {})

    def create(self, name: str = "", description: str = "") -> Version:
        """Freeze the data as they are now."""
        body = {"name": name, "description": description}
        return read(Version, self._transport.json("POST", self._path(), body=body))

    def get(self, version: int) -> Version:
        """One of them."""
        return read(Version, self._transport.json("GET", self._path(version)))

    def update(self, version: int, **changes: Any) -> Version:
        """Change `name` or `description`."""
        return read(Version, self._transport.json("PATCH", self._path(version), body=changes))

    def delete(self, version: int) -> None:
        """Delete one, with the data that nothing else names."""
        self._transport.json("DELETE", self._path(version))

    def compare(self, version: int, other: int | str = "current") -> Comparison | TableComparison:
        """What is different in another version, or in the project as it is (`current`)."""
        found = self._transport.json("GET", self._path(version, "compare", other))
        return read(TableComparison, found) if "rows" in found else read(Comparison, found)

    def _path(self, *parts: object) -> str:
        return path_of("projects", self._project, "versions", *parts)
