"""`diyml upload`."""

from __future__ import annotations

from pathlib import Path

import click

from diyml_client.cli.context import REFUSED, App, command, in_project
from diyml_client.folders import LAYOUTS, classes_of, found_in
from diyml_client.projects import Project
from diyml_client.uploads import UploadState


def add_to(root: click.Group) -> None:
    """Add the command."""
    command(
        root,
        click.argument("folder", type=click.Path(exists=True, path_type=Path)),
        in_project(),
        click.option(
            "--labels", type=click.Choice(LAYOUTS), default="auto", show_default=True, help="Where the labels are."
        ),
        click.option("--split", type=click.Choice(("train", "val", "test")), help="The part all of them belong to."),
        click.option("--tag", "tags", multiple=True, help="A tag for all of them; may be given several times."),
        click.option("--workers", type=click.IntRange(1, 16), default=4, show_default=True, help="Requests at once."),
        click.option("--all", "everything", is_flag=True, help="Send what is there already, too."),
        name="upload",
        short_help="Upload the images of a folder; once more sends what is missing.",
    )(upload)


def upload(
    app: App,
    folder: Path,
    project: str,
    labels: str,
    split: str | None,
    tags: tuple[str, ...],
    workers: int,
    everything: bool,
) -> None:
    """Upload the images of FOLDER with all below it.

    Labels come from the folders' names (one folder a class), or from YOLO .txt files beside the images or in `labels`
    beside `images`. Classes that folders name are added to the project.

    Broken off? Run it again: what the project has under the same name with the same content is not sent again.
    """
    found = app.project(project)
    if folder.is_dir():
        _add_classes(app, found, folder, labels)
    with app.out.bar("images") as bar:
        task = bar.add_task("Uploading", total=None)

        def show(state: UploadState) -> None:
            bar.update(task, completed=state.size, total=state.of_size)

        result = found.images.upload(
            folder, labels, split=split, tags=tags, workers=workers, resume=not everything, progress=show
        )
    counts = {name: value for name, value in vars(result).items() if isinstance(value, int)}
    for name, reason in sorted(result.failed.items()):
        app.out.say(f"{name}: {reason}")
    if app.out.as_json:
        app.out.data({**counts, "failed": result.failed})
    else:
        told = {"present": "there already"}
        parts = [f"{value} {told.get(name, name)}" for name, value in counts.items() if value]
        app.out.text(
            ", ".join([*parts, f"{len(result.failed)} refused"] if result.failed else parts) or "nothing to do"
        )
    if result.failed:
        raise SystemExit(REFUSED)


def _add_classes(app: App, project: Project, folder: Path, labels: str) -> None:
    there = {item.name for item in project.classes}
    for name in classes_of(found_in(folder, labels), labels, folder):
        if name not in there:
            project.classes.add(name)
            app.out.say(f"The class '{name}' is new.")
