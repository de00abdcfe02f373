"""What calls about tables take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from api.names import Text
from api.operation import Page, Request, Shown
from api.v1.schemas import PageQuery
from datasets.tables.names import MOST_NAME_CHARACTERS
from datasets.tables.roles import ColumnRole
from datasets.tables.schema import ColumnType, DateFormat, NumberFormat, Task
from datasets.tables.settings import TypeWish

_MOST_COLUMNS = 5_000

ColumnName = Annotated[Text, Field(max_length=MOST_NAME_CHARACTERS)]


class DateWish(Shown):
    """Dates that are not, or not all, written by ISO 8601."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["date"]
    date_format: DateFormat


class NumberWish(Shown):
    """Numbers that are not all written with a point and nothing between thousands."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["number"]
    number_format: NumberFormat


class TableChange(Request):
    """What of the settings is to be otherwise; the rest stays. Null takes a setting back."""

    target: Annotated[ColumnName | None, Field(description="The column that is predicted.")] = None
    ignored: Annotated[
        list[ColumnName] | None, Field(max_length=_MOST_COLUMNS, description="Columns that are not learned from.")
    ] = None
    types: Annotated[
        dict[ColumnName, ColumnType | DateWish | NumberWish | None] | None,
        Field(max_length=_MOST_COLUMNS, description="Columns that are to be read otherwise; null as it was found."),
    ] = None
    group: Annotated[
        ColumnName | None, Field(description="Rows with the same value in it stay on one side of the split.")
    ] = None
    split: Annotated[
        ColumnName | None, Field(description="Says train, val or test of each row; a row without is split by the seed.")
    ] = None
    task: Annotated[Task | None, Field(description="Null to decide by the target.")] = None
    time: Annotated[
        ColumnName | None, Field(description="Of time series: says when a row was read; null where rows are in order.")
    ] = None
    series: Annotated[
        ColumnName | None, Field(description="Of time series: tells several apart, such as machines; null for one.")
    ] = None
    label: Annotated[
        ColumnName | None, Field(description="Of time series: 0 or 1, normal or anomaly; null where nobody has said.")
    ] = None

    def type_wishes(self) -> dict[str, TypeWish | None]:
        """The changes of types as settings keep them."""
        return {name: _wish(wish) for name, wish in (self.types or {}).items()}


def _wish(wish: ColumnType | DateWish | NumberWish | None) -> TypeWish | None:
    if isinstance(wish, NumberWish):
        return TypeWish(ColumnType.NUMBER, number_format=wish.number_format)
    if isinstance(wish, DateWish):
        return TypeWish(ColumnType.DATE, wish.date_format)
    return TypeWish(wish) if wish else None


class RowsQuery(PageQuery):
    """Which rows."""


class TypeShown(Shown):
    """How a column is read."""

    type: ColumnType
    date_format: DateFormat | None
    number_format: NumberFormat | None


class TableSettingsShown(Shown):
    """What somebody has said of a table."""

    target: str | None
    ignored: list[str]
    types: dict[str, TypeShown]
    group: str | None
    split: str | None
    task: Task | None


class SeriesSettingsShown(Shown):
    """What somebody has said of time series."""

    time: str | None
    series: str | None
    label: str | None
    ignored: list[str]
    types: dict[str, TypeShown]


class TableWarning(Shown):
    """What about a column a person had better look at; `code` is for programs."""

    code: str
    message: str


class BinShown(Shown):
    """Part of a histogram: how many values from `least` to `most`; dates by ISO 8601."""

    least: float | str
    most: float | str
    count: int


class ValueShown(Shown):
    """A value with how many rows have it."""

    value: str
    count: int


class ColumnShown(Shown):
    """A column of a table."""

    name: str
    type: Annotated[ColumnType, Field(description="As it is read.")]
    date_format: DateFormat | None
    number_format: NumberFormat | None
    found_type: Annotated[ColumnType, Field(description="What all its cells are.")]
    role: ColumnRole
    missing: Annotated[int, Field(ge=0, description="Rows without a value.")]
    distinct: Annotated[int, Field(ge=0, description="Different values, up to 10,000.")]
    distinct_is_exact: Annotated[bool, Field(description="False where there are more than that.")]
    min: float | str | None
    max: float | str | None
    mean: float | str | None
    quantiles: dict[str, float | str]
    histogram: Annotated[list[BinShown], Field(description="Of numbers and dates: 20 parts of equal width.")]
    values: Annotated[list[ValueShown], Field(description="The 20 most frequent.")]
    warnings: list[TableWarning]


class TableShown(Shown):
    """The table of a project."""

    filename: str
    format: Annotated[str, Field(description="`csv`, `tsv` or `parquet`.")]
    bytes: Annotated[int, Field(ge=0, description="Of the file as it was uploaded.")]
    sha256: Annotated[str, Field(description="Of that file.")]
    digest: Annotated[str, Field(description="SHA-256 of names and cells, whatever the format of the file.")]
    rows: int
    waiting_rows: Annotated[
        int, Field(ge=0, description="Rows that came by themselves and become part of the table before a training.")
    ]
    import_id: str
    settings: Annotated[
        TableSettingsShown | SeriesSettingsShown, Field(description="Of projects of type tabular, or anomaly.")
    ]
    task: Annotated[Task | None, Field(description="What is learned; null as long as there is no target.")]
    columns: list[ColumnShown]
    warnings: Annotated[list[TableWarning], Field(description="About all of it rather than one column.")]
    created_at: datetime | None
    updated_at: datetime | None
    revision: Annotated[int, Field(description="Of the settings; the ETag.")]


class RowShown(Shown):
    """A row."""

    row: Annotated[int, Field(ge=1, description="Its number, from 1.")]
    values: Annotated[dict[str, str | None], Field(description="Each cell as it stands in the file; null for none.")]


class RowsShown(Page[RowShown]):
    """A page of rows."""


class NewRowsSent(Request):
    """Rows to be added."""

    LONG_TEXTS: ClassVar[bool] = True

    rows: Annotated[
        list[dict[str, Any]],
        Field(description="Values by the name of their column; one that is absent or null is missing. At most 10,000."),
    ]


class RowsAdded(Shown):
    """What came of it."""

    rows: Annotated[int, Field(ge=0, description="How many were added.")]
    waiting_rows: Annotated[int, Field(ge=0, description="How many are not part of the table yet.")]
    table_rows: Annotated[int, Field(ge=0, description="How many are.")]
