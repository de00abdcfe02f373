"""What calls about versions of a dataset take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from api.names import Number, encodable, printable
from api.operation import Request, Shown
from api.v1.schemas import MOST_VERSION

MOST_DESCRIPTION_CHARACTERS = 5000

Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=100),
    AfterValidator(encodable),
    AfterValidator(printable),
]
Description = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=MOST_DESCRIPTION_CHARACTERS),
    AfterValidator(encodable),
]


class NewVersion(Request):
    """A version to be frozen."""

    name: Title = ""
    description: Description = ""


class VersionChange(Request):
    """What is to be said of a version; null or nothing leaves it empty."""

    name: Title | None = None
    description: Description | None = None


class ExportQuery(Request):
    """Which version of the dataset; none is the project as it is."""

    version: Annotated[int | None, Field(ge=1, le=MOST_VERSION), Number] = None


class VersionShown(Shown):
    """One version of a dataset."""

    version: int
    name: str
    description: str
    digest: Annotated[str, Field(description="Of the data; jobs and model cards name it. Equal data, equal digest.")]
    images: Annotated[int, Field(description="None in a table; `labelled` of them have labels.")]
    labelled: int
    classes: list[str]
    splits: Annotated[dict[str, int], Field(description="Images in each fixed part.")]
    rows: Annotated[int, Field(description="Of a table; none beside images.")]
    columns: int
    created_at: datetime
    created_by: str
    jobs: Annotated[int, Field(description="Jobs that were started on it.")]


class Differing(Shown):
    """Images that differ, and the first names."""

    count: int
    names: list[str]


class Renamed(Shown):
    """A class under another name."""

    before: str
    after: str


class ClassesCompared(Shown):
    """What has become of the classes."""

    added: list[str]
    removed: list[str]
    renamed: list[Renamed]
    reordered: bool


class SplitsCompared(Shown):
    """How many images each part had and has."""

    before: dict[str, int]
    after: dict[str, int]


class VersionsCompared(Shown):
    """What is different between two versions, or one and the project as it is; images are told apart by name."""

    same: bool
    added: Differing
    removed: Differing
    replaced: Annotated[Differing, Field(description="Other content under the same name.")]
    relabelled: Differing
    resplit: Differing
    retagged: Differing
    unchanged: int
    classes: ClassesCompared
    splits: SplitsCompared
