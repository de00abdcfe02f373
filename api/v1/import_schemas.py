"""What calls about imports take and give."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from api.names import Number, Text
from api.operation import Page, Request, Shown
from datasets.imports.options import AUTO, ImportOptions, OnConflict, OnSameContent, SplitChoice
from datasets.registry import KINDS
from storage.import_record import ImportState

_MOST_MAPPED = 10_000
_MOST_FILENAME_CHARACTERS = 255
_SWITCH = {"true": True, "1": True, "false": False, "0": False}


def _switch(value: Any) -> Any:
    """Switches come as text in a query and in the metadata of an upload."""
    return _SWITCH.get(value.lower(), value) if isinstance(value, str) else value


def _map(value: Any) -> Any:
    """In a query it comes as JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError("must be a JSON object: their class to ours") from None


def _format(value: Any) -> Any:
    known = tuple(dict.fromkeys(name for kind in KINDS.values() for name in kind.import_formats))
    if value not in (AUTO, *known):
        raise ValueError(f"must be {AUTO} or one of {', '.join(known)}")
    return value


ClassName = Annotated[str, StringConstraints(max_length=1000)]
Switch = Annotated[bool, BeforeValidator(_switch)]


class ImportWishes(Request):
    """How an archive is to be imported."""

    format: Annotated[str, BeforeValidator(_format), Field(description="Of the dataset; `auto` finds out.")] = AUTO
    on_conflict: OnConflict = OnConflict.SKIP
    on_same_content: OnSameContent = OnSameContent.SKIP
    all_or_nothing: Switch = False
    create_classes: Switch = True
    class_map: Annotated[
        dict[ClassName, ClassName | None],
        BeforeValidator(_map),
        Field(max_length=_MOST_MAPPED, description="Their class to ours; null leaves its labels out."),
    ] = Field(default_factory=dict)
    split: SplitChoice = SplitChoice.AS_GIVEN
    dry_run: Switch = False

    @property
    def options(self) -> ImportOptions:
        """As the import keeps them."""
        names = set(ImportOptions.__dataclass_fields__)
        return ImportOptions(**{name: getattr(self, name) for name in names})


class NewImport(ImportWishes):
    """An archive that is going to be uploaded; `size` in bytes."""

    size: Annotated[int, Field(ge=1), Number]
    filename: Annotated[Text, Field(max_length=_MOST_FILENAME_CHARACTERS)] = ""


class ReportQuery(Request):
    """As what a report is wanted."""

    format: Literal["json", "csv"] = "json"


class ImportCounts(Shown):
    """How many of each."""

    files: int = 0
    images: int = 0
    created: int = 0
    replaced: int = 0
    skipped: int = 0
    failed: int = 0
    annotations: int = 0
    rows: Annotated[int, Field(description="Of a table, as `columns`.")] = 0
    columns: int = 0


class ImportOptionsShown(Shown):
    """What is wanted of an import."""

    format: str
    on_conflict: OnConflict
    on_same_content: OnSameContent
    all_or_nothing: bool
    create_classes: bool
    class_map: dict[str, str | None]
    split: SplitChoice
    dry_run: bool


class ImportShown(Shown):
    """An import."""

    id: str
    project: str
    project_id: str
    state: ImportState
    progress: Annotated[float, Field(ge=0, le=1)]
    filename: str
    offset: Annotated[int, Field(ge=0, description="Bytes that are stored.")]
    size: Annotated[int, Field(ge=1, description="Bytes of the whole archive.")]
    format: Annotated[str | None, Field(description="Of the dataset, once it is known.")]
    counts: ImportCounts
    classes_created: list[str]
    findings: Annotated[int, Field(ge=0, description="Lines of its report, and those that it had no room for.")]
    findings_left_out: int
    error: str | None
    options: ImportOptionsShown
    attempt: int
    cancel_requested: bool
    created_at: datetime
    updated_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    retry_until: datetime | None
    upload_url: str
    report_url: str


class FindingShown(Shown):
    """One line of a report."""

    file: str
    line: int | None
    reason: str


class ReportShown(Page[FindingShown]):
    """What was left out, and why, on one page."""

    left_out: Annotated[int, Field(ge=0, description="Findings that the report had no room for.")] = 0
