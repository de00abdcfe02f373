"""`diyml tables`: what is in a table, and what its columns are used for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from diyml_client.cli.context import App, Failed, command, in_project
from diyml_client.cli.imports import import_
from diyml_client.tables import Table, leaderboard

TYPES = ("number", "category", "date", "text")
DATE_FORMATS = ("DD.MM.YYYY", "DD/MM/YYYY", "MM/DD/YYYY")
NUMBER_FORMATS = ("1.234,5", "1,234.5")
_NOTHING = "none"


def add_to(root: click.Group) -> None:
    """Add the commands."""
    group = click.Group("tables", help="The table of a project.")
    root.add_command(group)
    command(
        group,
        click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
        in_project(),
        click.option("--format", type=click.Choice(("auto", "csv", "tsv", "parquet")), default="auto"),
        click.option("--dry-run", is_flag=True, help="Only read it and say what would be found."),
        click.option("--no-follow", is_flag=True, help="Return as soon as the server has it."),
        name="import",
        short_help="Import a CSV, TSV or Parquet file in place of the table.",
    )(load)
    command(group, in_project(), name="show", short_help="Show columns and settings.")(show)
    command(
        group,
        in_project(),
        click.option("--target", help="The column that is predicted."),
        click.option("--ignore", "ignored", multiple=True, help="A column not to learn from; may be given again."),
        click.option(
            "--type",
            "types",
            multiple=True,
            help="COLUMN=TYPE, or COLUMN=DD/MM/YYYY of dates, COLUMN=1.234,5 of numbers.",
        ),
        click.option("--group", help="Rows with the same value in this column stay together."),
        click.option("--split", help="The column that says train, val or test of each row."),
        click.option("--task", type=click.Choice(("classification", "regression", _NOTHING))),
        name="settings",
        short_help="Say what columns are used for.",
    )(settings)
    command(
        group,
        in_project(),
        click.option("--version", type=int, help="Of the model; without it the one that answers."),
        name="leaderboard",
        short_help="Show what a training has compared.",
    )(board)


def load(app: App, source: Path, project: str, no_follow: bool, **options: Any) -> None:
    """Import SOURCE, a CSV, TSV or Parquet file, in place of the table before. Broken off? Run it again."""
    import_(app, source, project, (), False, no_follow, **options)


def show(app: App, project: str) -> None:
    """Show the columns of the table, and what they are used for."""
    _shown(app, app.project(project).table.get())


def settings(app: App, project: str, types: tuple[str, ...], ignored: tuple[str, ...], **named: str | None) -> None:
    """Say what columns are used for; what is not named stays, and the word `none` takes a setting back."""
    wish: dict[str, Any] = {name: None if value == _NOTHING else value for name, value in named.items() if value}
    if ignored:
        wish["ignored"] = [] if ignored == (_NOTHING,) else [*ignored]
    if types:
        wish["types"] = dict(_type(pair) for pair in types)
    if not wish:
        raise Failed("nothing to change: give --target, --ignore, --type, --group, --split or --task", 2)
    _shown(app, app.project(project).table.set(**wish))


def _type(pair: str) -> tuple[str, Any]:
    column, equals, wanted = pair.rpartition("=")
    if not equals or wanted not in (*TYPES, *DATE_FORMATS, *NUMBER_FORMATS, _NOTHING):
        known = ", ".join((*TYPES, *DATE_FORMATS, *NUMBER_FORMATS, _NOTHING))
        raise Failed(f"--type must be COLUMN=TYPE with one of {known}, got '{pair}'", 2)
    if wanted in DATE_FORMATS:
        return column, {"type": "date", "date_format": wanted}
    if wanted in NUMBER_FORMATS:
        return column, {"type": "number", "number_format": wanted}
    return column, None if wanted == _NOTHING else wanted


def _shown(app: App, table: Table) -> None:
    if app.out.as_json:
        app.out.data(table)
        return
    app.out.say(f"{table.filename}: {table.rows:,} rows, revision {table.revision}, task {table.task or 'not set'}")
    rows = [
        [
            *(column[name] for name in ("name", "type", "role", "missing", "distinct")),
            ", ".join(warning["code"] for warning in column["warnings"]),
        ]
        for column in table.columns
    ]
    app.out.table(["COLUMN", "TYPE", "ROLE", "MISSING", "DIFFERENT", "WARNINGS"], rows, "It has no columns.")


def board(app: App, project: str, version: int | None) -> None:
    """Show the algorithms that a training has compared, the best first."""
    models = app.project(project).models
    found = models.get(version) if version else next((model for model in models.list() if model.serving), None)
    if found is None:
        raise Failed("no model answers for this project: train it, or name one with --version")
    rows = leaderboard(found.card())
    if app.out.as_json:
        app.out.data(rows)
        return
    names = list(rows[0]["mean"] if rows else {})
    cells = [
        [row["algorithm"], *(f"{row['mean'].get(name, math.nan):.4f}" for name in names), f"{row['seconds']:.1f}"]
        for row in rows
    ]
    app.out.table(["ALGORITHM", *(name.upper() for name in names), "SECONDS"], cells, "It has compared nothing.")
