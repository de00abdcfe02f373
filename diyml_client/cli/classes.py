"""`diyml classes`."""

from __future__ import annotations

import click

from diyml_client.classes import ClassList
from diyml_client.cli.context import App, command, in_project


def add_to(root: click.Group) -> None:
    """Add the commands."""
    group = click.Group("classes", help="The classes of a project.")
    root.add_command(group)
    name, new_name = click.argument("name"), click.argument("new_name")
    command(group, in_project(), name="list", short_help="List them.")(list_classes)
    command(group, click.argument("names", nargs=-1, required=True), in_project(), name="add", short_help="Add some.")(
        add
    )
    command(group, name, new_name, in_project(), name="rename", short_help="Rename one; its labels stay.")(rename)
    command(group, name, click.argument("into"), in_project(), name="merge", short_help="Move labels to another one.")(
        merge
    )
    command(
        group,
        name,
        in_project(),
        click.option("--delete-annotations", is_flag=True, help="Delete its labels too; otherwise they wait for it."),
        name="remove",
        short_help="Remove one.",
    )(remove)


def list_classes(app: App, project: str) -> None:
    """List the classes in their order, with how often each occurs."""
    _shown(app, app.project(project).classes.get())


def add(app: App, project: str, names: tuple[str, ...]) -> None:
    """Add classes at the end."""
    classes = app.project(project).classes
    for name in names:
        changed = classes.add(name)
    _shown(app, changed)


def rename(app: App, project: str, name: str, new_name: str) -> None:
    """Give a class another name."""
    _shown(app, app.project(project).classes.rename(name, new_name))


def merge(app: App, project: str, name: str, into: str) -> None:
    """Move the labels of a class to another one; the first one goes."""
    _shown(app, app.project(project).classes.merge(name, into))


def remove(app: App, project: str, name: str, delete_annotations: bool) -> None:
    """Remove a class."""
    _shown(app, app.project(project).classes.remove(name, "delete" if delete_annotations else "keep"))


def _shown(app: App, found: ClassList) -> None:
    if app.out.as_json:
        app.out.data(found)
    else:
        columns = {"name": "NAME", "index": "INDEX", "images": "IMAGES", "annotations": "LABELS"}
        app.out.list(found.classes, columns, "There are no classes: diyml classes add NAME...")
