"""How `/api/v1` shows tables."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from api.v1.table_schemas import (
    BinShown,
    ColumnShown,
    TableSettingsShown,
    TableShown,
    TableWarning,
    TypeShown,
    ValueShown,
)
from datasets.tables.profile import QUANTILES, SHOWN_VALUES, ColumnProfile, Summary, TableProfile
from datasets.tables.schema import Column, ColumnType
from datasets.tables.settings import TableSettings, task_of
from datasets.tables.warnings import LEAKS_TARGET, column_warnings
from storage.tables import Table

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def table_shown(table: Table, profile: TableProfile) -> TableShown:
    """A table as members of its project see it."""
    settings = TableSettings.of(table.settings)
    leaks = {row["name"]: row["message"] for row in table.leaks}
    return TableShown(
        filename=table.filename,
        format=table.format,
        bytes=table.file.size,
        sha256=table.file.sha256,
        digest=table.digest,
        rows=table.rows,
        import_id=str(table.import_id),
        settings=_settings(settings),
        task=task_of(settings, profile.of(settings.target)) if settings.target is not None else None,
        columns=[_column(column, profile.rows, settings, leaks) for column in profile.columns],
        created_at=table.created_at,
        updated_at=table.updated_at,
        revision=table.revision,
    )


def _settings(settings: TableSettings) -> TableSettingsShown:
    types = {
        name: TypeShown(type=wish.type, date_format=wish.date_format) for name, wish in sorted(settings.types.items())
    }
    return TableSettingsShown(
        target=settings.target,
        ignored=list(settings.ignored),
        types=types,
        group=settings.group,
        split=settings.split,
        task=settings.task,
    )


def _column(profile: ColumnProfile, rows: int, settings: TableSettings, leaks: dict[str, str]) -> ColumnShown:
    found, (read,) = profile.column, settings.columns([profile.column])
    warnings = [TableWarning(code=item.code, message=item.message) for item in column_warnings(profile, rows)]
    if found.name in leaks:
        warnings.append(TableWarning(code=LEAKS_TARGET, message=leaks[found.name]))
    return ColumnShown(
        name=found.name,
        type=read.type,
        date_format=read.date_format,
        found_type=found.type,
        role=_role(read, settings),
        missing=profile.missing,
        distinct=profile.distinct,
        distinct_is_exact=profile.distinct_is_exact,
        values=[ValueShown(value=value, count=count) for value, count in profile.values[:SHOWN_VALUES]],
        warnings=warnings,
        **_spread(profile.summary, found.type),
    )


def _role(column: Column, settings: TableSettings) -> Literal["target", "feature", "group", "split", "ignored", "text"]:
    if column.name == settings.target:
        return "target"
    if column.name in settings.ignored:
        return "ignored"
    if column.name == settings.group:
        return "group"
    if column.name == settings.split:
        return "split"
    return "text" if column.type is ColumnType.TEXT else "feature"


def _spread(summary: Summary | None, kind: ColumnType) -> dict[str, Any]:
    if summary is None:
        return {"min": None, "max": None, "mean": None, "quantiles": {}, "histogram": []}

    def plain(value: float) -> float | str:
        return _moment(value) if kind is ColumnType.DATE else value

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


def _moment(days: float) -> str:
    """A date by ISO 8601, with the time when it is not midnight."""
    moment = _EPOCH + timedelta(days=days)
    is_day = moment.time().isoformat() == "00:00:00"
    return moment.date().isoformat() if is_day else moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
