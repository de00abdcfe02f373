"""`diyml import` and `diyml export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.progress import Progress

from diyml_client.cli.context import App, command, in_project
from diyml_client.imports import Import
from diyml_client.packing import packed
from diyml_client.projects import Project

SPLITS = ("as given", "ignore", "train", "val", "test")
FORMATS = ("yolo", "coco", "voc", "folders", "csv")
_REPORTED = 20
# Project types whose data are rows, which are exported as one file.
_OF_ROWS = ("tabular", "anomaly")


def add_to(root: click.Group) -> None:
    """Add the commands."""
    command(
        root,
        click.argument("source", type=click.Path(exists=True, path_type=Path)),
        in_project(),
        click.option("--format", type=click.Choice(("auto", *FORMATS)), default="auto", show_default=True),
        click.option("--on-conflict", type=click.Choice(("skip", "replace", "keep_both")), help="With names taken."),
        click.option("--split", type=click.Choice(SPLITS), help="The part that the images belong to."),
        click.option("--class-map", "pairs", multiple=True, help="THEIRS=OURS; empty behind = leaves the class out."),
        click.option("--all-or-nothing", is_flag=True, help="Import nothing when anything is wrong."),
        click.option("--no-new-classes", is_flag=True, help="Refuse classes that the project does not have."),
        click.option("--dry-run", is_flag=True, help="Only say what would happen."),
        click.option("--no-follow", is_flag=True, help="Return as soon as the server has it."),
        name="import",
        short_help="Import an archive or a folder with its labels.",
    )(import_)
    command(
        root,
        click.argument("format", type=click.Choice((*FORMATS, "original", "capsule"))),
        in_project(),
        click.option("--version", type=int, help="Of the data set; without it the data as they are."),
        click.option("--output", "-o", type=click.Path(path_type=Path), help="A file; PROJECT-FORMAT.zip without it."),
        name="export",
        short_help="Download images and labels, or all of a project (capsule).",
    )(export)


def import_(
    app: App,
    source: Path,
    project: str,
    pairs: tuple[str, ...],
    no_new_classes: bool,
    no_follow: bool,
    **options: Any,
) -> None:
    """Import SOURCE: a zip or tar file in any format the server reads, or a folder, which is packed first.

    Broken off? Run it again: the upload goes on where it was.
    """
    found = app.project(project)
    wish = {name: value for name, value in options.items() if value not in (None, False)}
    if pairs:
        wish["class_map"] = {theirs: ours or None for theirs, _, ours in (pair.partition("=") for pair in pairs)}
    if no_new_classes:
        wish["create_classes"] = False
    with packed(source) as archive, app.out.bar("bytes") as bar:
        record = found.imports.create(
            archive, follow=not no_follow, progress=_uploaded(bar), told=_told(app, bar), **wish
        )
    _shown(app, record)


def _uploaded(bar: Progress) -> Any:
    task = bar.add_task("Uploading", total=None)
    return lambda here, whole: bar.update(task, completed=here, total=whole)


def _told(app: App, bar: Progress) -> Any:
    task = bar.add_task("Importing", total=1.0, visible=False)

    def told(record: Import) -> None:
        bar.update(task, completed=record.progress, visible=True)

    return told


def _shown(app: App, record: Import) -> None:
    if record.findings and record.ended and not app.out.as_json:
        for line in record.report()[:_REPORTED]:
            place = ":".join(str(part) for part in (line.get("file"), line.get("line")) if part)
            app.out.say(f"{place}: {line.get('reason')}")
    app.out.one(record, [("import", record.id), ("state", record.state), *record.counts.items()])


def export(app: App, project: str, format: str, version: int | None, output: Path | None) -> None:
    """Download images and labels, or the rows of a table, in a format, or with `capsule` all of the project."""
    found = app.project(project)
    target = output or Path(_name(found, format))
    with app.out.bar("bytes") as bar:
        task = bar.add_task("Downloading", total=None)

        def show(here: int, whole: int | None) -> None:
            bar.update(task, completed=here, total=whole)

        if format == "capsule":
            found.exports.capsule(target, show)
        else:
            found.exports.download(format, target, version, show)
    size = target.stat().st_size
    app.out.one({"path": str(target), "size": size}, [("file", target), ("bytes", size)])


def _name(project: Project, format: str) -> str:
    """Under which an export is saved: archives, but for the rows of a table."""
    if format == "original":
        return project.table.get().filename
    rows = format == "csv" and project.type in _OF_ROWS
    return f"{project.name}.csv" if rows else f"{project.name}-{format}.zip"
