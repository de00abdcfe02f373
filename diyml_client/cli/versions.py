"""`diyml versions`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from diyml_client.cli.context import App, command, in_project
from diyml_client.versions import TableComparison

_MOST_MOVED = 10


def add_to(root: click.Group) -> None:
    """Add the commands."""
    group = click.Group("versions", help="Frozen states of a project's data.")
    root.add_command(group)
    number = click.argument("version", type=int)
    command(group, in_project(), name="list", short_help="List them.")(list_versions)
    command(
        group,
        in_project(),
        click.option("--name", default=""),
        click.option("--description", default=""),
        name="create",
        short_help="Freeze the data as they are now.",
    )(create)
    other = click.argument("other", default="current")
    command(group, number, other, in_project(), name="compare", short_help="What has changed since.")(compare)
    command(group, number, in_project(), name="delete", short_help="Delete one.")(delete)


def list_versions(app: App, project: str) -> None:
    """List the versions, newest first."""
    counts = {"images": "IMAGES", "labelled": "LABELLED", "rows": "ROWS"}
    columns = {"version": "VERSION", "name": "NAME", **counts, "created_at": "MADE"}
    app.out.list(app.project(project).versions.list(), columns, "There are no versions: diyml versions create")


def create(app: App, project: str, name: str, description: str) -> None:
    """Freeze images with labels and splits, or a table with its settings, as they are now."""
    version = app.project(project).versions.create(name, description)
    held = ("rows", version.rows) if version.rows else ("images", version.images)
    shown = [("version", version.version), held, ("digest", version.digest)]
    app.out.one(version, shown)


def compare(app: App, project: str, version: int, other: str) -> None:
    """Compare a version with another one, or with the data as they are."""
    found = app.project(project).versions.compare(version, other)
    if isinstance(found, TableComparison):
        app.out.one(found, list(_of_table(found)))
        return
    parts = ("added", "removed", "replaced", "relabelled", "resplit")
    app.out.one(found, [*((part, getattr(found, part).count) for part in parts), ("unchanged", found.unchanged)])


def _of_table(found: TableComparison) -> Iterator[tuple[str, object]]:
    rows, columns = found.rows, found.columns
    yield "rows", f"{rows.before} -> {rows.after}"
    if rows.compared:
        yield "told apart by", rows.key or "their cells"
        yield from ((part, getattr(rows, part)) for part in ("added", "removed", "changed", "unchanged"))
    retyped = [column["name"] for column in columns.retyped]
    for what, names in (("added", columns.added), ("removed", columns.removed), ("retyped", retyped)):
        yield f"columns {what}", ", ".join(names) or "none"
    yield "columns moved", ", ".join(map(_moved, found.moved.columns[:_MOST_MOVED])) or "none"
    for side in ("before", "after"):
        if classes := found.classes.get(side):
            yield f"classes {side}", ", ".join(f"{name}: {count}" for name, count in classes.items())
    yield "settings changed", ", ".join(found.settings) or "none"


def _moved(column: Mapping[str, Any]) -> str:
    shift = column["shift"]
    return str(column["name"]) if shift is None else f"{column['name']} ({shift:g})"


def delete(app: App, project: str, version: int) -> None:
    """Delete a version, with the data that nothing else names."""
    app.project(project).versions.delete(version)
    app.out.say(f"Version {version} is deleted.")
