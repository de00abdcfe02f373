"""`/api/v1/projects/<project>/table`: the table of a project, what is known of it, and what it is used for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Response

from api.downloads import Download
from api.etags import etag, wanted_revision
from api.operation import Content, operation
from api.pagination import page, position
from api.v1.located import ProjectResource
from api.v1.table_representation import table_shown
from api.v1.table_schemas import NewRowsSent, RowsAdded, RowsQuery, RowsShown, TableChange, TableShown
from datasets.registry import SERIES, TABLE
from datasets.tables.appending import append_rows, delete_rows, waiting_rows
from datasets.tables.changing import change_settings, profile_of_table, reader_of, settings_class, table_of
from datasets.tables.formats import MEDIA_TYPES
from datasets.tables.roles import RoleSettings
from datasets.tables.rows_file import RowIndex, first_rows
from datasets.tables.settings import refuse
from storage.order import Order, Place
from storage.tables import Table
from utils import InvalidInput

REVISION = {"ETag": "the revision of the settings, for If-Match"}
_BY_NUMBER = Order("row")
_MOST_PAGE_CHARACTERS = 4 * 1024 * 1024


class TableResource(ProjectResource):
    """The base of what is about a project's table."""

    KIND = (TABLE, SERIES)

    def shown(self, table: Table) -> tuple[TableShown, dict[str, str]]:
        """A table with its tag."""
        store = self.services.store
        settings = settings_class(self.project.type).of(table.settings)
        waiting = waiting_rows(store, self.project, table)
        return table_shown(table, settings, profile_of_table(store, table), waiting), etag(table.revision)

    @property
    def table(self) -> Table:
        """The table as it is now.

        Raises:
            NotFound: there is none.
        """
        return table_of(self.services.store, self.project)


class TableItem(TableResource):
    """Columns, what is known of them, and settings."""

    @operation(gives=TableShown, errors=(409,), headers=REVISION)
    def get(self) -> tuple[TableShown, dict[str, str]]:
        """Columns with types, missing and different values, spread, warnings; the settings; rows and bytes."""
        return self.shown(self.table)

    @operation(takes=TableChange, gives=TableShown, errors=(409, 412), headers=REVISION)
    def patch(self, change: TableChange) -> tuple[TableShown, dict[str, str]]:
        """Say what columns are for: which is predicted or holds the time, which are left out, how they are read."""
        named = change.model_fields_set - {"api_token"}
        fields = settings_class(self.project.type).FIELDS
        if not named:
            raise InvalidInput(f"nothing to change: send {', '.join(fields[:-1])} or {fields[-1]}")
        refuse(
            (name, f"{name}: {self.project.type} projects know {', '.join(fields)}: leave it out")
            for name in sorted(named - set(fields))
        )
        store = self.services.store
        return self.shown(
            change_settings(store, self.project, lambda now: _changed(now, change, named), wanted_revision())
        )

    @operation(status=204, errors=(409,))
    def delete(self) -> None:
        """Leave the project without a table; one that a job was trained on stays for its repetition."""
        delete_rows(self.services.store, self.project)


class TableRows(TableResource):
    """The rows of a table."""

    @operation(takes=RowsQuery, gives=RowsShown, errors=(409,))
    def get(self, query: RowsQuery) -> dict[str, Any]:
        """A page of rows in the order of the file, each cell as it stands there; shorter where cells are long."""
        table, place = self.table, position(query.cursor, _BY_NUMBER)
        if place and (place.id != table.id or not isinstance(place.value, int) or place.value < 0):
            raise InvalidInput("cursor: of another table than the project has now: begin anew, without a cursor")
        first = int(place.value) if place else 0
        index = RowIndex.from_bytes(table.blocks)
        rows = index.read(reader_of(self.services.store, table), first, query.limit)
        names = [column["name"] for column in table.columns]
        cells = list(enumerate(first_rows(rows, _MOST_PAGE_CHARACTERS), first + 1))
        is_more = bool(cells) and cells[-1][0] < table.rows
        return page(
            [*cells, *cells[-1:]] if is_more else cells,  # one too many tells that there is more
            len(cells),
            show=lambda row: {"row": row[0], "values": dict(zip(names, row[1], strict=True))},
            place=lambda row: Place(row[0], table.id),
            order=_BY_NUMBER,
        )


class TableFile(TableResource):
    """The data file as it was uploaded."""

    @operation(
        gives=Content("application/octet-stream"),
        errors=(409,),
        headers={"ETag": "SHA-256 of the file", "Accept-Ranges": "bytes"},
    )
    def get(self) -> Response:
        """Download it, whole or a range of it."""
        table, store = self.table, self.services.store
        return Download(
            name=table.filename,
            media_type=MEDIA_TYPES[table.format],
            size=table.file.size,
            tag=table.file.sha256,
            read=lambda start, stop: store.artifacts.stream_range(table.file.id, start, stop),
        ).answer()


class NewRows(TableResource):
    """Rows that are added without a file."""

    @operation(takes=NewRowsSent, gives=RowsAdded, status=201, errors=(409, 413, 429))
    def post(self, sent: NewRowsSent) -> RowsAdded:
        """Add rows to the project's data; a training that starts from now on has them."""
        store = self.services.store
        added = append_rows(store, self.project, sent.rows, f"{self.user.username} over HTTP", self.request_key)
        table = store.tables.current(self.project.id)
        return RowsAdded(
            rows=added, waiting_rows=waiting_rows(store, self.project, table), table_rows=table.rows if table else 0
        )


def _changed(now: Any, change: TableChange, named: set[str]) -> RoleSettings:
    """The settings with what a call names."""
    fields: dict[str, Any] = {name: getattr(change, name) for name in named - {"ignored", "types"}}
    if "ignored" in named:
        fields["ignored"] = tuple(dict.fromkeys(change.ignored or ()))
    if "types" in named:
        types = {**now.types, **change.type_wishes()} if change.types is not None else {}
        fields["types"] = {name: wish for name, wish in types.items() if wish}
    changed: RoleSettings = replace(now, **fields)
    return changed
