"""What calls about versions of a dataset take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field, RootModel, StringConstraints

from api.names import Number, encodable, printable
from api.operation import Request, Shown
from api.v1.schemas import MOST_VERSION
from datasets.tables.schema import ColumnType, DateFormat, NumberFormat

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


class ImagesCompared(Shown):
    """What is different between two states of images, which are told apart by name."""

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


class RowsCompared(Shown):
    """Rows by the cells that both states have, as text; their order does not count."""

    before: int
    after: int
    compared: Annotated[bool, Field(description="False of tables that are too large; the counts are null then.")]
    key: Annotated[
        str | None,
        Field(description="The column that tells rows apart: different in every row of both. Null: their cells do."),
    ]
    added: int | None
    removed: int | None
    changed: Annotated[int | None, Field(description="Other cells under the same key; 0 without a key.")]
    unchanged: int | None


class ReadAs(Shown):
    """How a column is read."""

    type: ColumnType
    date_format: DateFormat | None
    number_format: NumberFormat | None


class Retyped(Shown):
    """A column that is read otherwise."""

    name: str
    before: ReadAs
    after: ReadAs


class ColumnsCompared(Shown):
    """What has become of the columns."""

    added: list[str]
    removed: list[str]
    retyped: list[Retyped]
    reordered: bool


class Difference(Shown):
    """What it was and is."""

    before: Any
    after: Any


class ColumnMoved(Shown):
    """A column of which other statistics are known."""

    name: str
    shift: Annotated[
        float | None,
        Field(
            description="Of numbers and dates the farthest way of a quantile from 5 % to 95 %, in widths between these "
            "two; of categories the share of the rows that would have to have another. Null where it cannot be told."
        ),
    ]
    statistics: Annotated[
        dict[str, Difference], Field(description="`missing`, `distinct`, `min`, `max`, `mean`, `median` that differ.")
    ]


class ColumnsMoved(Shown):
    """How many have, and the first 100, those that moved farthest first."""

    count: int
    columns: list[ColumnMoved]


class ClassCounts(Shown):
    """Rows of each class of the target, or of the labels; none where a number is predicted."""

    before: dict[str, int]
    after: dict[str, int]


class TablesCompared(Shown):
    """What is different between two states of a table."""

    same: bool
    rows: RowsCompared
    columns: ColumnsCompared
    moved: ColumnsMoved
    classes: ClassCounts
    settings: Annotated[dict[str, Difference], Field(description="Those that differ, by name.")]


class VersionsCompared(RootModel[ImagesCompared | TablesCompared]):
    """What is different between two versions, or one and the project as it is; of images or of a table."""
