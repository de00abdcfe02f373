"""How `/api/v1` shows tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from api.v1.table_schemas import (
    BinShown,
    ColumnShown,
    SeriesSettingsShown,
    TableSettingsShown,
    TableShown,
    TableWarning,
    TypeShown,
    ValueShown,
)
from datasets.findings import Finding
from datasets.series.settings import SeriesSettings
from datasets.tables.cells import moment_of
from datasets.tables.profile import QUANTILES, SHOWN_VALUES, ColumnProfile, TableProfile
from datasets.tables.roles import RoleSettings
from datasets.tables.schema import Column, ColumnType
from datasets.tables.settings import TableSettings
from datasets.tables.warnings import table_warnings
from storage.tables import Table

# How settings of each class are shown.
_SHOWN: dict[type[Any], type[TableSettingsShown] | type[SeriesSettingsShown]] = {
    TableSettings: TableSettingsShown,
    SeriesSettings: SeriesSettingsShown,
}


def table_shown(table: Table, settings: RoleSettings, profile: TableProfile, waiting: int) -> TableShown:
    """A table as members of its project see it.

    Args:
        waiting: rows that are not part of it yet.
    """
    found: dict[str | None, list[TableWarning]] = {}
    for row in table.findings:
        found.setdefault(row["name"], []).append(TableWarning(code=row["code"], message=row["message"]))
    return TableShown(
        filename=table.filename,
        format=table.format,
        bytes=table.file.size,
        sha256=table.file.sha256,
        digest=table.digest,
        rows=table.rows,
        waiting_rows=waiting,
        import_id=str(table.import_id),
        settings=_settings(settings),
        task=settings.task_now(profile),
        columns=[_column(column, told, settings, found) for column, told in table_warnings(profile, settings.types)],
        warnings=found.get(None, []),
        created_at=table.created_at,
        updated_at=table.updated_at,
        revision=table.revision,
    )


def _settings(settings: RoleSettings) -> TableSettingsShown | SeriesSettingsShown:
    row = settings.to_row()
    types = {column.name: _type(column) for column in map(Column.of, row["types"])}
    return _SHOWN[type(settings)](**{**row, "types": types})


def _type(column: Column) -> TypeShown:
    return TypeShown(type=column.type, date_format=column.date_format, number_format=column.number_format)


def _column(
    profile: ColumnProfile,
    told: Iterable[Finding],
    settings: RoleSettings,
    found: dict[str | None, list[TableWarning]],
) -> ColumnShown:
    column, (read,) = profile.column, settings.columns([profile.column])
    warnings = [TableWarning(code=item.code, message=item.message) for item in told]
    return ColumnShown(
        name=column.name,
        type=read.type,
        date_format=read.date_format,
        number_format=read.number_format,
        found_type=column.type,
        role=settings.role_of(read),
        missing=profile.missing,
        distinct=profile.distinct,
        distinct_is_exact=profile.distinct_is_exact,
        values=[ValueShown(value=value, count=count) for value, count in profile.values[:SHOWN_VALUES]],
        warnings=[*warnings, *found.get(column.name, [])],
        **_spread(profile.read_as(read)),
    )


def _spread(profile: ColumnProfile) -> dict[str, Any]:
    summary = profile.summary
    if summary is None:
        return {"min": None, "max": None, "mean": None, "quantiles": {}, "histogram": []}

    def plain(value: float) -> float | str:
        return moment_of(value) if profile.column.type is ColumnType.DATE else value

    count = len(summary.bins)
    edges = summary.edges(count)
    return {
        "min": plain(summary.least),
        "max": plain(summary.most),
        "mean": plain(summary.mean),
        "quantiles": {f"{at:g}": plain(value) for at, value in zip(QUANTILES, summary.quantiles, strict=True)},
        "histogram": [
            BinShown(least=plain(edges[place]), most=plain(edges[place + 1]), count=summary.bins[place])
            for place in range(count)
        ],
    }
