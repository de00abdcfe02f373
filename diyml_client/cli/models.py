"""`diyml models`, `promote`, `rollback`."""

from __future__ import annotations

from pathlib import Path

import click

from diyml_client.cli.context import App, command, in_project
from diyml_client.cli.following import started
from diyml_client.models import ONNX


def add_to(root: click.Group) -> None:
    """Add the commands."""
    group = click.Group("models", help="The model versions of a project.")
    root.add_command(group)
    number = click.argument("version", type=int)
    command(group, in_project(), name="list", short_help="List them.")(list_models)
    command(group, number, in_project(), name="show", short_help="Print the card of one.")(show)
    command(
        group,
        number,
        in_project(),
        click.option("--file", "name", default=ONNX, show_default=True),
        click.option("--output", "-o", type=click.Path(path_type=Path), default=".", help="A folder or a file."),
        name="download",
        short_help="Download one of its files.",
    )(download)
    command(
        group,
        click.argument("reference", metavar="MODEL"),
        in_project(),
        click.option("--follow", "-f", "follows", is_flag=True, help="Show how it goes until it has ended."),
        name="load",
        short_help="Make a version of a model in MLflow.",
    )(load)
    command(group, number, in_project(), name="delete", short_help="Delete one that does not answer.")(delete)
    command(root, number, in_project(), name="promote", short_help="Let a model version answer from now on.")(promote)
    command(root, in_project(), name="rollback", short_help="Let the version answer that did before.")(rollback)


def list_models(app: App, project: str) -> None:
    """List the versions, newest first."""
    columns = {"version": "VERSION", "created_at": "MADE", "serving": "ANSWERS", "precision": "PRECISION"}
    app.out.list(app.project(project).models.list(), {**columns, "metrics": "METRICS"}, "There are no models.")


def show(app: App, project: str, version: int) -> None:
    """Print all that is known of a version."""
    card = app.project(project).models.get(version).card()
    app.out.one(card, [*card.items()])


def download(app: App, project: str, version: int, name: str, output: Path) -> None:
    """Download a file of a version; its hash is compared."""
    model = app.project(project).models.get(version)
    with app.out.bar("bytes") as bar:
        task = bar.add_task("Downloading", total=None)
        path = model.download(output, name, lambda here, whole: bar.update(task, completed=here, total=whole))
    app.out.one({"path": str(path), "size": path.stat().st_size}, [("file", path)])


def load(app: App, project: str, reference: str, follows: bool) -> None:
    """Make a version of a model in MLflow: the id of its run, or models:/NAME/VERSION. It is scored, not trained."""
    started(app, app.project(project).models.load(reference), follows)


def delete(app: App, project: str, version: int) -> None:
    """Delete a version that does not answer."""
    app.project(project).models.get(version).delete()
    app.out.say(f"Version {version} is deleted.")


def promote(app: App, project: str, version: int) -> None:
    """Let a version answer from now on; under the same address, and no request fails meanwhile."""
    answer = app.project(project).promote(version)
    app.out.one(answer, [("answers", f"version {answer['model']['version']}")])


def rollback(app: App, project: str) -> None:
    """Let the version answer that did before; once more leads back."""
    answer = app.project(project).rollback()
    app.out.one(answer, [("answers", f"version {answer['model']['version']}")])
