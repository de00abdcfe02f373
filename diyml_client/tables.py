"""The table of a project: what is known of its columns, and what they are used for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from diyml_client.bound import Bound, Collection
from diyml_client.downloads import Progress, download
from diyml_client.imports import Import, Imports
from diyml_client.records import read
from diyml_client.transport import path_of


@dataclass
class Table(Bound):
    """A table as it is now; `columns` hold type, role, missing and different values, spread and warnings of each."""

    filename: str = ""
    format: str = ""
    bytes: int = 0
    sha256: str = ""
    rows: int = 0
    columns: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    task: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    revision: int = 0


class Tables(Collection):
    """`project.table`."""

    def get(self) -> Table:
        """The table.

        Raises:
            NotFound: there is none.
        """
        return self._read(self._transport.json("GET", self._path()))

    def load(
        self,
        path: Path | str,
        *,
        follow: bool = True,
        progress: Progress | None = None,
        told: Callable[[Import], None] | None = None,
        **options: Any,
    ) -> Import:
        """Import a file, which takes the place of the table before; parameters are those of `project.imports.create`.

        Raises:
            JobFailed: it is no table that is taken, when it is followed.
        """
        imports = Imports(self._transport, self._project)
        return imports.create(path, follow=follow, progress=progress, told=told, **options)

    def set(self, **settings: Any) -> Table:
        """Say what columns are used for; what is not named stays, and None takes a setting back.

        Args:
            settings: target, ignored, types, group, split, task.
        """
        return self._read(self._transport.json("PATCH", self._path(), body=settings))

    def rows(self) -> Iterator[dict[str, str | None]]:
        """All rows in the order of the file, by column, each cell as it stands there."""
        return self._transport.pages(self._path("rows"), lambda item: dict(item["values"]), {})

    def download(self, target: Path | str, progress: Progress | None = None) -> Path:
        """Fetch the file as it was uploaded."""
        return download(self._transport, self._path("file"), Path(target), progress=progress)

    def delete(self) -> None:
        """Leave the project without a table."""
        self._transport.json("DELETE", self._path())

    def _read(self, data: dict[str, Any]) -> Table:
        return read(Table, data, _transport=self._transport)

    def _path(self, *parts: str) -> str:
        return path_of("projects", self._project, "table", *parts)


def leaderboard(card: dict[str, Any]) -> list[dict[str, Any]]:
    """What a training has compared, as the card of its model tells it; the best first."""
    return list((card.get("table") or {}).get("leaderboard") or [])
