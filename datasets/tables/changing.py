"""Changes of what is said of a project's table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from datasets.registry import KINDS
from datasets.tables.kind import TableKind
from datasets.tables.profile import TableProfile
from datasets.tables.roles import RoleSettings
from datasets.tables.rows_file import ReadRange, RowIndex
from storage.project import Project
from storage.store import Store
from storage.tables import Table
from utils import ChangedMeanwhile, Conflict, NotFound

_TRIES = 5


def table_of(store: Store, project: Project) -> Table:
    """The project's table.

    Raises:
        NotFound: it has none.
    """
    table = store.tables.current(project.id)
    if table is None:
        raise NotFound(f"the project '{project.name}' has no table yet: import a CSV, TSV or Parquet file")
    return table


def profile_of_table(store: Store, table: Table) -> TableProfile:
    """What is known of its columns.

    Raises:
        Conflict: the file is lost or damaged.
    """
    try:
        return TableProfile.from_bytes(store.artifacts.read(table.profile.id))
    except (NotFound, ValueError) as error:
        raise Conflict(f"the profile of the table cannot be read ({error}): import the table again") from None


def settings_class(project_type: str) -> type[RoleSettings]:
    """What settings of a table are in projects of a type.

    Raises:
        TypeError: such projects hold no table.
    """
    kind = KINDS[project_type]
    if not isinstance(kind, TableKind):
        raise TypeError(f"{project_type} projects hold no table")
    return kind.settings


def change_settings(
    store: Store, project: Project, decide: Callable[[Any], RoleSettings], revision: int | None = None
) -> Table:
    """Change the settings of a project's table.

    Args:
        decide: gives the new settings for those that there are; called again when somebody else was quicker.
        revision: which must be the present one; None where any is good.

    Raises:
        NotFound: the project has no table.
        InvalidInput: the settings do not fit to the table.
        ChangedMeanwhile: it is of another revision; nothing is changed.
    """
    of = settings_class(project.type).of
    for last in (*[False] * (_TRIES - 1), True):
        table = table_of(store, project)
        if revision not in (None, table.revision):
            break
        settings, found = settled(store, table, decide(of(table.settings)))
        try:
            return store.tables.change(table, settings.to_row(), found)
        except ChangedMeanwhile:
            if last or revision is not None:
                raise
    raise ChangedMeanwhile("the settings of the table have been changed since you read them: read them again")


def settled(store: Store, table: Table, settings: RoleSettings) -> tuple[RoleSettings, list[dict[str, Any]]]:
    """Settings that fit to a table, and what they make of its rows.

    Raises:
        InvalidInput: they do not fit.
    """
    profile = profile_of_table(store, table)
    settings.check(profile)
    return settings, settings.findings(profile, RowIndex.from_bytes(table.blocks), reader_of(store, table))


def reader_of(store: Store, table: Table) -> ReadRange:
    """Reads a part of the rows file of a table."""
    return lambda start, stop: store.artifacts.stream_range(table.rows_file.id, start, stop)
