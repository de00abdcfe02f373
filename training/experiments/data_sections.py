"""What documents say of data, by kind of data. A kind is one line in the table at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag

from datasets.series.settings import SeriesSettings
from datasets.tables.changing import change_settings, profile_of_table, settings_class, table_of
from datasets.tables.names import MOST_NAME_CHARACTERS
from datasets.tables.profile import TableProfile
from datasets.tables.schema import ColumnType, DateFormat, NumberFormat, Task
from datasets.tables.settings import TableSettings, TypeWish
from storage.projects import Project
from storage.store import Store
from training.experiments.section import Section
from training.protocol import Need

_MOST_COLUMNS = 5_000
_MOST_VERSION = 2**31 - 1


def _relative(text: str) -> str:
    """A path below the folder that the document belongs to.

    Raises:
        ValueError: it leads out of there, or is not written plainly.
    """
    parts = text.split("/")
    if PurePosixPath(text).is_absolute() or "\\" in text or any(part in ("", ".", "..") for part in parts):
        raise ValueError("must be a path below the folder of the repository, such as data/rows.csv")
    if any(not character.isprintable() for character in text):
        raise ValueError("must not hold characters that cannot be seen")
    return text


ProjectName = Annotated[
    str, StringConstraints(min_length=1, max_length=200), Field(description="The project that it is about.")
]
DataFile = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500),
    AfterValidator(_relative),
    Field(description="The file, or the folder of images, that `diyml deploy` imports; below the repository."),
]
ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=MOST_NAME_CHARACTERS)]


class DataSections(Protocol):
    """What documents say of one kind of data.

    Attributes:
        Data: the section `data`, with at least `project` and `file`.
        Preparation: the section `preparation`, but for the split.
    """

    Data: type[Section]
    Preparation: type[Section]

    def check(self, store: Store, project: Project, data: Any, preparation: Any) -> None:
        """See that a project's data are such that the document can be about them.

        Raises:
            DomainError: they are not; each entry in `errors` names a field of one of the sections.
        """
        ...

    def offered(self, store: Store, project: Project, data: Any, preparation: Any) -> frozenset[Need]:
        """What metrics may need of data, and these have; of data that `check` has passed."""
        ...

    def apply(self, store: Store, project: Project, data: Any, preparation: Any) -> None:
        """Make what the document says of the data the project's own; what says nothing changes nothing.

        Raises:
            DomainError: as `check`.
        """
        ...


class ImageData(Section):
    """Which images are trained on."""

    project: ProjectName
    file: DataFile | None = None
    version: Annotated[
        int | None, Field(ge=1, le=_MOST_VERSION, description="Of the dataset; none is the images as they are.")
    ] = None


class ImagePreparation(Section):
    """Images need nothing but the split."""


class ImageSections:
    """See `DataSections`."""

    Data: type[Section] = ImageData
    Preparation: type[Section] = ImagePreparation

    def check(self, store: Store, project: Project, data: Any, preparation: Any) -> None:
        """The version must be there."""
        if data.version is not None:
            store.versions.get(project.id, data.version)

    def offered(self, store: Store, project: Project, data: Any, preparation: Any) -> frozenset[Need]:
        """Nothing: of images every metric is measured."""
        return frozenset()

    def apply(self, store: Store, project: Project, data: Any, preparation: Any) -> None:
        """Nothing: a version is the job's, not the project's."""


class DateWish(Section):
    """Dates that are not, or not all, written by ISO 8601."""

    type: Literal["date"]
    date_format: DateFormat


class NumberWish(Section):
    """Numbers that are not all written with a point and nothing between thousands."""

    type: Literal["number"]
    number_format: NumberFormat


def _form(value: Any) -> str:
    if isinstance(value, NumberWish) or (isinstance(value, dict) and value.get("type") == "number"):
        return "number"
    return "date" if isinstance(value, (dict, DateWish)) else "word"


Wish = Annotated[
    Annotated[ColumnType, Tag("word")] | Annotated[DateWish, Tag("date")] | Annotated[NumberWish, Tag("number")],
    Discriminator(_form),
    Field(description="A type, or the type `date` or `number` with its format."),
]


class ColumnPreparation(Section):
    """Which columns are learned from, and how they are read."""

    ignored: Annotated[
        list[ColumnName] | None, Field(max_length=_MOST_COLUMNS, description="Columns that are not learned from.")
    ] = None
    types: Annotated[
        dict[ColumnName, Wish] | None,
        Field(max_length=_MOST_COLUMNS, description="Columns that are to be read otherwise than was found out."),
    ] = None

    def wishes(self) -> dict[str, TypeWish]:
        """The types as settings keep them."""
        return {name: _wish(wish) for name, wish in (self.types or {}).items()}


def _wish(wish: ColumnType | DateWish | NumberWish) -> TypeWish:
    if isinstance(wish, NumberWish):
        return TypeWish(ColumnType.NUMBER, number_format=wish.number_format)
    return TypeWish(ColumnType.DATE, wish.date_format) if isinstance(wish, DateWish) else TypeWish(wish)


class TableUse(Section):
    """What the columns of a table are for."""

    target: Annotated[ColumnName, Field(description="The column that is predicted.")]
    group: Annotated[
        ColumnName | None, Field(description="Rows with the same value in it stay on one side of the split.")
    ] = None
    task: Annotated[Task | None, Field(description="None to decide by the target.")] = None

    def settings(self) -> TableSettings:
        """As a table has them that nothing else was said of."""
        return TableSettings(target=self.target, group=self.group, task=self.task)


class TableData(Section):
    """Which table is trained on."""

    project: ProjectName
    file: DataFile | None = None
    settings: TableUse | None = None


class SeriesUse(Section):
    """What the columns of time series are for."""

    time: Annotated[ColumnName | None, Field(description="Says when a row was read; none where rows are in order.")] = (
        None
    )
    series: Annotated[ColumnName | None, Field(description="Tells several series apart; none for one.")] = None
    label: Annotated[ColumnName | None, Field(description="Says of each row whether it was an anomaly.")] = None

    def settings(self) -> SeriesSettings:
        """As time series have them that nothing else was said of."""
        return SeriesSettings(time=self.time, series=self.series, label=self.label)


class SeriesData(Section):
    """Which rows are trained on."""

    project: ProjectName
    file: DataFile | None = None
    settings: SeriesUse | None = None


class ColumnSections:
    """See `DataSections`. A document with `settings` says all of them: what it leaves out is as it is at first.

    Args:
        data: the section `data`, with `settings` that give those of a table.
        offered: what metrics may need and data with such settings have.
    """

    Preparation: type[Section] = ColumnPreparation

    def __init__(self, data: type[Section], offered: Callable[[Any, TableProfile], frozenset[Need]]):
        self.Data = data
        self._offered = offered

    def check(self, store: Store, project: Project, data: Any, preparation: Any) -> None:
        """There is a table, and its columns are those that the document speaks of."""
        table = table_of(store, project)
        now = settings_class(project.type).of(table.settings)
        _wanted(data, preparation, now).check(profile_of_table(store, table))

    def offered(self, store: Store, project: Project, data: Any, preparation: Any) -> frozenset[Need]:
        """As the settings are that the document wants."""
        table = table_of(store, project)
        now = settings_class(project.type).of(table.settings)
        return self._offered(_wanted(data, preparation, now), profile_of_table(store, table))

    def apply(self, store: Store, project: Project, data: Any, preparation: Any) -> None:
        """Change the table's settings, if they are others."""
        now = settings_class(project.type).of(table_of(store, project).settings)
        if _wanted(data, preparation, now) != now:
            change_settings(store, project, lambda found: _wanted(data, preparation, found))


def _wanted(data: Any, preparation: ColumnPreparation, now: Any) -> Any:
    """The settings that a document wants, where the table has those of `now`."""
    if data.settings is not None:
        now = data.settings.settings()
    if preparation.ignored is not None:
        now = replace(now, ignored=tuple(dict.fromkeys(preparation.ignored)))
    if preparation.types is not None:
        now = replace(now, types=preparation.wishes())
    return now


def _of_table(settings: TableSettings, profile: TableProfile) -> frozenset[Need]:
    """By what is learned; anything as long as nobody has said the target, without which nothing is trained."""
    task = settings.task_now(profile)
    return frozenset(need for one, need in _NEEDS.items() if task in (one, None))


def _of_series(settings: SeriesSettings, _: TableProfile) -> frozenset[Need]:
    return frozenset() if settings.label is None else frozenset({Need.LABELS})


_NEEDS = {Task.CLASSIFICATION: Need.CLASSES, Task.REGRESSION: Need.VALUES}
SECTIONS: dict[str, DataSections] = {
    "images": ImageSections(),
    "table": ColumnSections(TableData, _of_table),
    "series": ColumnSections(SeriesData, _of_series),
}
