"""One import as the `imports` collection keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from bson import ObjectId

from storage.database import Document
from storage.files import StoredFile

COUNTED = ("files", "images", "created", "replaced", "skipped", "failed", "annotations", "rows", "columns")
# What only those read who need it: one entry a piece or a finding.
WITHOUT_LISTS = {"pieces": 0, "found": 0}


class ImportState(str, Enum):
    """The same words in MongoDB and JSON."""

    UPLOADING = "uploading"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing comes after it, unless somebody asks for another try."""
        return self in (ImportState.SUCCEEDED, ImportState.FAILED, ImportState.CANCELLED)


@dataclass(frozen=True)
class Piece:
    """A part of an upload: a file of the bucket `uploads`; `offset` and `size` in bytes."""

    file_id: ObjectId
    offset: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Import:
    """One upload of an archive, and what came of it.

    Attributes:
        owner_id: who uploads it, a member of the project.
        size: of the whole archive in bytes; `offset` of them are stored.
        options: as `datasets.imports.options` writes them.
        expires_at: when an upload that gets no further bytes is given up.
        pieces_until: until when the bytes of an ended import are kept for another try.
        format: of the archive, once it is known.
        run: counts from 1 how often somebody has asked for it; another try of an import that has ended is a new one.
        attempt: counts from 1; 0 while it was never started.
        validated: everything was looked at and found good, and what is left is to write; of `all_or_nothing` only.
        done: images of the archive, in its order, that are dealt with, and counted in `counts`.
        findings: lines of its report; `findings_left_out` more were found than are kept.
    """

    id: ObjectId
    project_id: ObjectId
    owner_id: ObjectId
    state: ImportState
    size: int
    created_at: datetime
    filename: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    offset: int = 0
    updated_at: datetime | None = None
    expires_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    pieces_until: datetime | None = None
    format: str | None = None
    run: int = 1
    attempt: int = 0
    worker: str | None = None
    validated: bool = False
    done: int = 0
    progress: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    classes_created: tuple[str, ...] = ()
    findings: int = 0
    findings_left_out: int = 0
    report: StoredFile | None = None
    error: str | None = None
    cancel_requested: bool = False


_CONVERTED = {"id", "state", "classes_created", "report"}
_FIELDS = set(Import.__dataclass_fields__) - _CONVERTED


def import_of(row: Document) -> Import:
    """The import that a document describes."""
    report = row.get("report")
    return Import(
        id=row["_id"],
        state=ImportState(row["state"]),
        classes_created=tuple(row.get("classes_created", ())),
        report=StoredFile(report["file_id"], report["sha256"], report["size"]) if report else None,
        **{name: row[name] for name in _FIELDS if name in row},
    )


def held(record: Import) -> Document:
    """The document while this attempt owns it."""
    return {"_id": record.id, "state": ImportState.RUNNING.value, "attempt": record.attempt}


def ended(state: ImportState, error: str | None, keep_hours: float) -> Document:
    """Fields of a pipeline's `$set` that end an import.

    Args:
        keep_hours: how long its bytes are kept for another try.
    """
    return {
        "state": state.value,
        "error": {"$literal": error},
        "finished_at": "$$NOW",
        "updated_at": "$$NOW",
        "pieces_until": {"$add": ["$$NOW", round(keep_hours * 3_600_000)]},
        **dict.fromkeys(("slot", "active", "lease_until", "expires_at", "worker"), "$$REMOVE"),
    }
