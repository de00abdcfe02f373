"""The JSON documents in a capsule. What is written is what is read: one schema each, and nothing else is taken."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

FORMAT = 1
MANIFEST = "manifest.json"
PROJECT = "project.json"
DATASET = "dataset.json"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Number = Annotated[int, Field(ge=1, lt=2**31)]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Words = Annotated[str, StringConstraints(max_length=5000)]
Short = Annotated[str, StringConstraints(max_length=300)]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """The base of all."""

    model_config = ConfigDict(extra="forbid", strict=False, allow_inf_nan=True)


class Entry(Part):
    """One entry of the archive."""

    path: Short
    size: Count
    sha256: Sha256


class Manifest(Part):
    """What a capsule holds."""

    format: Literal[1]
    kind: Literal["diyml capsule"]
    written_by: Short
    entries: list[Entry]


class ClassRow(Part):
    """A class; annotations name its id."""

    id: Count
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Classes(Part):
    """Current classes in their order, those that left the list, and what tells which images belong together."""

    group_pattern: Short
    classes: Annotated[list[ClassRow], Field(max_length=1000)]
    retired: Annotated[list[ClassRow], Field(max_length=10_000)]


class LabelRow(Part):
    """One label; the box in fractions of the EXIF-turned image."""

    class_id: Count
    box: tuple[float, float, float, float] | None
    by_name: bool = False
    numbers: Short = ""


class ImageRow(Part):
    """One image; its content is the entry `images/<sha256>`."""

    name: Short
    sha256: Sha256
    size: Count
    format: Literal["JPEG", "PNG", "WEBP", "BMP"]
    width: Number
    height: Number
    split: Literal["", "train", "val", "test"]
    tags: Annotated[list[Short], Field(max_length=1000)]
    labels: Annotated[list[LabelRow], Field(max_length=10_000)]
    background: bool


class VersionSaid(Part):
    """What is said of a version, whatever is in it."""

    version: Number
    name: Short
    description: Words
    digest: Sha256
    created_at: datetime
    created_by: Short


class ImagesDocument(Classes):
    """Images that a project holds now."""

    images: list[ImageRow]


class ImagesVersion(VersionSaid, ImagesDocument):
    """One version of them."""


class TableRow(Part):
    """A table; the file that it came by is the entry `tables/<sha256>`.

    Attributes:
        content: SHA-256 of names and cells, which the file must give.
        settings: as `datasets.tables.roles.RoleSettings` writes them.
    """

    filename: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    format: Literal["csv", "tsv", "parquet"]
    sha256: Sha256
    size: Count
    content: Sha256
    settings: dict[str, Any]


class TableDocument(Part):
    """The table of a project now, if it has one."""

    table: TableRow | None


class TableVersion(VersionSaid):
    """One version of a table."""

    table: TableRow


class ServedRow(Part):
    """That a model version came to answer."""

    version: Number
    at: datetime | None
    by: Short | None


class PublicationRow(Part):
    """What the publication says; a project made of a capsule is not published."""

    published: bool
    version: Number | None
    description: Words
    licence: Words
    example_image: Short | None


class ProjectDocument(Part):
    """The project itself."""

    name: Short
    type: Short
    description: Words
    created_at: datetime
    publication: PublicationRow
    model: Number | None
    served: Annotated[list[ServedRow], Field(max_length=1000)]
    versions_made: Count


class FileRow(Part):
    """One file of a model, the entry `models/<version>/<name>`."""

    name: FileName
    sha256: Sha256
    size: Count


class ModelDocument(Part):
    """One model version; `job` is the number of the job that made it."""

    version: Number
    job: Number
    created_at: datetime
    card: dict[str, Any]
    files: Annotated[list[FileRow], Field(min_length=1, max_length=100)]


class StateRow(Part):
    """One change of state."""

    at: datetime
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    attempt: Count
    reason: Words | None


class AttemptRow(Part):
    """One try; which machine it ran on stays where it was."""

    attempt: Number
    started_at: datetime
    ended_at: datetime | None
    ended_by: Words | None
    resumed_from_epoch: Count
    epoch: Count | None


class RecordRow(Part):
    """The record of a job's data, the entry `jobs/<number>/dataset.json.gz`."""

    sha256: Sha256
    size: Count
    digest: Sha256
    train_images: Count
    val_images: Count


class JobDocument(Part):
    """One job that has ended; numbers count from the oldest. Its log is the entry `jobs/<number>/log.txt`."""

    number: Number
    started_by: Short | None
    params: dict[str, Any]
    state: Literal["succeeded", "failed", "cancelled"]
    device: Literal["any", "cpu", "gpu"]
    ran_on: Literal["cpu", "gpu"] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    states: Annotated[list[StateRow], Field(max_length=1000)]
    attempts: Annotated[list[AttemptRow], Field(max_length=1000)]
    epoch: Count
    epochs: Count
    progress: Fraction
    metrics: dict[str, float | None]
    history: Annotated[list[dict[str, Any]], Field(max_length=100_000)]
    error: Words | None
    pretrained: bool | None
    stopped_after_epoch: Count | None
    environment: dict[str, Any] | None
    dataset: RecordRow | None
    dataset_version: Number | None
    repeats: Number | None
    quantizes: Number | None
    model: Number | None
    model_deleted: bool
