"""`diyml versions`."""

from __future__ import annotations

import click

from diyml_client.cli.context import App, command, in_project


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
    parts = ("added", "removed", "replaced", "relabelled", "resplit")
    app.out.one(found, [*((part, getattr(found, part).count) for part in parts), ("unchanged", found.unchanged)])


def delete(app: App, project: str, version: int) -> None:
    """Delete a version, with the data that nothing else names."""
    app.project(project).versions.delete(version)
    app.out.say(f"Version {version} is deleted.")
