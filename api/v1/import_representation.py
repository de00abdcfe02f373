"""How `/api/v1` shows imports."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from api.v1.import_schemas import ImportCounts, ImportOptionsShown, ImportShown, ReportShown
from datasets.imports.options import ImportOptions
from storage.import_record import Import, ImportState

_FIELDS = ("file", "line", "reason")
# What a spreadsheet takes for a formula.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def import_url(record: Import) -> str:
    """The resource of an import."""
    return f"/api/v1/imports/{record.id}"


def upload_url(record: Import) -> str:
    """Where its bytes go."""
    return f"{import_url(record)}/data"


def import_shown(record: Import, project_name: str) -> ImportShown:
    """An import as members of its project see it."""
    options = ImportOptions.of(record.options)
    same = (
        "state", "progress", "filename", "offset", "size", "format", "findings", "findings_left_out", "error",
        "attempt", "cancel_requested", "created_at", "updated_at", "started_at", "finished_at", "expires_at",
    )  # fmt: skip
    can_be_retried = record.state.ended and record.offset == record.size
    return ImportShown(
        id=str(record.id),
        project=project_name,
        project_id=str(record.project_id),
        counts=ImportCounts(**record.counts),
        classes_created=list(record.classes_created),
        options=ImportOptionsShown(**{**vars(options), "class_map": dict(options.class_map)}),
        retry_until=record.pieces_until if can_be_retried and _was_no_success(record, options) else None,
        upload_url=upload_url(record),
        report_url=f"{import_url(record)}/report",
        **{name: getattr(record, name) for name in same},
    )


def _was_no_success(record: Import, options: ImportOptions) -> bool:
    return record.state is not ImportState.SUCCEEDED or options.dry_run


def report_of(content: bytes | None) -> ReportShown:
    """A stored report, which is none when nothing was found."""
    stored = json.loads(content) if content else {"findings": [], "left_out": 0}
    return ReportShown.model_validate({"items": stored["findings"], "left_out": stored["left_out"]})


def report_as_csv(report: ReportShown) -> str:
    """The same for a spreadsheet."""
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(_FIELDS)
    writer.writerows(map(_row, report.items))
    if report.left_out:
        writer.writerow(["", "", f"and {report.left_out:,} more"])
    return target.getvalue()


def _row(finding: Any) -> Iterable[Any]:
    values = [getattr(finding, name) for name in _FIELDS]
    return [f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value for value in values]
