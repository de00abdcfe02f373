"""`diyml projects`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from diyml_client.cli.context import App, Failed, command

TYPES = ("classification", "detection", "tabular")


def add_to(root: click.Group) -> None:
    """Add the commands."""
    group = click.Group("projects", help="Your projects, and those you are a member of.")
    root.add_command(group)
    command(
        group,
        click.option("--type", type=click.Choice(TYPES)),
        click.option("--role", type=click.Choice(("viewer", "editor", "owner"))),
        click.option("--search", "q", help="What stands in name or description."),
        name="list",
        short_help="List them.",
    )(list_projects)
    command(
        group,
        click.argument("name"),
        click.option("--type", type=click.Choice(TYPES), required=True),
        click.option("--class", "classes", multiple=True, help="A class; may be given several times."),
        click.option("--description", default=""),
        name="create",
        short_help="Make one.",
    )(create)
    command(group, click.argument("project"), name="show", short_help="Show one.")(show)
    command(
        group,
        click.argument("capsule", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
        click.option("--name", help="What it is to be called; without it as it was."),
        name="restore",
        short_help="Make one of a capsule.",
    )(restore)
    command(
        group,
        click.argument("project"),
        click.option("--yes", is_flag=True, help="Do not ask."),
        name="delete",
        short_help="Delete one with everything in it.",
    )(delete)


def list_projects(app: App, **filters: str | None) -> None:
    """List your projects and those you are a member of, newest first."""
    columns = {"name": "NAME", "type": "TYPE", "role": "ROLE", "is_published": "PUBLISHED", "updated_at": "CHANGED"}
    app.out.list(app.client.projects.list(**filters), columns, "There are no projects.")


def create(app: App, name: str, type: str, classes: tuple[str, ...], description: str) -> None:
    """Make a project."""
    project = app.client.projects.create(name, type, description, classes)
    app.out.say(f"'{project.name}' is there. Next: diyml upload FOLDER --project {project.name}")
    if app.out.as_json:
        app.out.data(project)


def show(app: App, project: str) -> None:
    """Show a project: its classes, how many images it has, its model."""
    found = app.project(project)
    classes = [item["name"] for item in found.raw.get("classes") or []]
    model = f"version {found.model['version']}" if found.model else None
    shown = [
        ("name", found.name),
        ("id", found.id),
        ("type", found.type),
        ("owner", f"{found.owner} (you are {found.role})"),
        ("description", found.description),
        ("classes", classes),
        ("images", found.counts),
        ("model", model),
        ("training", (found.training or {}).get("state")),
        ("published", found.is_published),
    ]
    app.out.one(found, shown)


def restore(app: App, capsule: Path, name: str | None) -> None:
    """Make a project of a file that `diyml export capsule` has written, here or elsewhere."""
    project = app.client.projects.from_capsule(capsule, name)
    app.out.one(project, [("name", project.name), ("images", project.counts)])


def delete(app: App, project: str, yes: bool) -> None:
    """Delete a project with its images, models and jobs, for good."""
    found = app.project(project)
    if not yes:
        if not sys.stdin.isatty():
            raise Failed("there is no terminal to ask at: say --yes if it is to be deleted", 2)
        images = found.counts.get("images", 0)
        click.confirm(f"Delete '{found.name}' with {images} images and all its models?", abort=True, err=True)
    found.delete()
    app.out.say(f"'{found.name}' is deleted.")
