"""`diyml publish`, `unpublish`, `catalogue`, `predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from diyml_client.cli.context import App, Failed, command, in_project
from diyml_client.predictions import ImagePredictions

_TABLES = (".csv", ".tsv")


def add_to(root: click.Group) -> None:
    """Add the commands."""
    command(
        root,
        click.argument("project"),
        click.option("--description", default="", help="What it does, for those who find it in the catalogue."),
        click.option("--licence", default="", help="An SPDX identifier such as CC-BY-4.0, or a text."),
        click.option("--version", type=int, help="Pin a model version; without it the newest answers."),
        click.option("--example", "example_image", help="Name of an image of the project to show."),
        name="publish",
        short_help="Let everybody predict with a project.",
    )(publish)
    command(root, click.argument("project"), name="unpublish", short_help="Withdraw a project.")(unpublish)
    _add_catalogue(root)
    fraction = click.FloatRange(0, 1)
    command(
        root,
        click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)),
        in_project(),
        click.option("--confidence", type=fraction, help="Leave out what is less certain."),
        click.option("--top", "top_k", type=click.IntRange(1), help="So many classes at most."),
        click.option("--output", "-o", type=click.Path(path_type=Path), help="Of a CSV file: where its rows go."),
        click.option("--save", type=click.Path(path_type=Path), help="Save the image with what was found drawn in."),
        name="predict",
        short_help="Ask a published project about images, or the rows of a CSV file.",
    )(predict)


def publish(app: App, project: str, **wish: Any) -> None:
    """Let everybody who has an account predict with a project."""
    publication = app.project(project).publish(**wish)
    shown = [("published", publication.published), ("predict", publication.predict_url)]
    app.out.one(publication, shown)


def unpublish(app: App, project: str) -> None:
    """Withdraw a project; its models stay."""
    app.project(project).unpublish()
    app.out.say("It is withdrawn.")


def _add_catalogue(root: click.Group) -> None:
    group = click.Group("catalogue", help="What everybody has published.")
    root.add_command(group)
    command(
        group,
        click.argument("words", nargs=-1),
        click.option("--type", type=click.Choice(("classification", "detection", "tabular"))),
        click.option("--class", "class_", help="A class that it knows."),
        click.option("--owner"),
        click.option("--sort", type=click.Choice(("-published_at", "-calls", "name"))),
        name="search",
        short_help="Look for something.",
    )(search)
    command(group, click.argument("project"), name="show", short_help="Show one.")(show)


def search(app: App, words: tuple[str, ...], **filters: Any) -> None:
    """Look for published projects by words of name, description or classes; all of them without words."""
    columns = {"project": "PROJECT", "type": "TYPE", "owner": "OWNER", "calls": "CALLS", "description": "DESCRIPTION"}
    found = app.client.catalogue.search(" ".join(words) or None, **filters)
    app.out.list(found, columns, "Nothing is published that matches.")


def show(app: App, project: str) -> None:
    """Show a published project: what its model is worth, and under which licence."""
    entry = app.client.catalogue.get(project)
    fields = ("project", "type", "owner", "description", "licence", "classes", "metrics", "published_at", "calls")
    app.out.one(entry, [(name, getattr(entry, name)) for name in fields])


def predict(
    app: App,
    images: tuple[Path, ...],
    project: str,
    confidence: float | None,
    top_k: int | None,
    output: Path | None,
    save: Path | None,
) -> None:
    """Ask a published project about images: what each shows, and where; or about the rows of one CSV file.

    The rows of a file go to another one, with what was predicted; a large file is predicted in the background first.
    """
    if images[0].name.removesuffix(".gz").endswith(_TABLES):
        _predict_rows(app, images, project, output)
        return
    if save and len(images) != 1:
        raise Failed(f"--save takes one image, got {len(images)}", 2)
    options: dict[str, Any] = {"confidence": confidence, "top_k": top_k}
    found = app.client.predict(project, [*images], annotated=False, **options)
    if save:
        save.write_bytes(app.client.predict(project, images[0], annotated=True, **options))
        app.out.say(f"The picture is {save}.")
    if app.out.as_json:
        app.out.data([{"image": str(path), **item.raw} for path, item in zip(images, found, strict=True)])
        return
    rows = [row for path, item in zip(images, found, strict=True) for row in _rows(path, item)]
    app.out.table(["IMAGE", "CLASS", "CONFIDENCE", "X1", "Y1", "X2", "Y2"], rows, "Nothing was found.")


def _predict_rows(app: App, files: tuple[Path, ...], project: str, output: Path | None) -> None:
    if len(files) != 1:
        raise Failed(f"one CSV file at a time, got {len(files)}", 2)
    name = Path(files[0].name.removesuffix(".gz")).stem
    warnings: list[str] = []
    target = output or Path(f"{name}-predictions.csv")
    with app.out.bar("bytes") as bar:
        sending = bar.add_task("Uploading", total=None, visible=False)
        predicting = bar.add_task("Predicting", total=1.0, visible=False)
        app.client.predict_csv(
            project,
            files[0],
            target,
            progress=lambda here, whole: bar.update(sending, completed=here, total=whole, visible=True),
            told=lambda job: bar.update(predicting, completed=job.progress, visible=True),
            warned=warnings.extend,
        )
    for warning in warnings:
        app.out.say(f"Warning: {warning}")
    size = target.stat().st_size
    app.out.one({"path": str(target), "size": size}, [("file", target), ("bytes", size)])


def _rows(path: Path, item: ImagePredictions) -> list[list[Any]]:
    return [
        [
            path.name,
            one.class_name,
            f"{one.confidence:.3f}",
            *(round(getattr(one.box, c)) for c in ("x1", "y1", "x2", "y2")),
        ]
        for one in item.predictions
    ]
