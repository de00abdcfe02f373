"""`diyml experiment train`, `validate`, `predict`, `retrain`, `stop`, `load`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from diyml_client.cli.context import REFUSED, App, Failed, command
from diyml_client.cli.following import follow
from diyml_client.errors import DiymlError, InvalidRequest
from diyml_client.experiments import CheckedExperiment
from diyml_client.folders import SUFFIXES
from diyml_client.jobs import Job
from diyml_client.projects import Project
from diyml_client.transport import path_of

_ROWS = (".json", ".csv")
_MOST_BYTES = 64 * 1024 * 1024


def add_to(root: click.Group) -> None:
    """Add the commands."""
    group = click.Group("experiment", help="Trainings as documents of YAML or JSON: docs/experiments.md.")
    root.add_command(group)
    existing = click.Path(exists=True, dir_okay=False, path_type=Path)
    files = click.argument("files", metavar="FILE...", nargs=-1, required=True, type=existing)
    file = click.argument("file", type=existing)
    follows = click.option("--follow", "-f", "follows", is_flag=True, help="Show how it goes until it has ended.")
    command(group, files, name="validate", short_help="Say what is wrong with documents, and train nothing.")(validate)
    command(group, files, follows, name="train", short_help="Start the trainings that documents describe.")(train)
    command(group, files, follows, name="retrain", short_help="Train again, on the data as they are now.")(retrain)
    command(group, files, name="stop", short_help="End their trainings early, with the best models so far.")(stop)
    inputs = click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=existing)
    command(group, file, inputs, name="predict", short_help="Ask the model that answers for a document's project.")(
        predict
    )
    command(
        group,
        file,
        click.argument("reference", metavar="RUN_OR_MODEL"),
        name="load",
        short_help="Make a model that MLflow has a version here, without training.",
    )(load)


def validate(app: App, files: Sequence[Path]) -> None:
    """Say what is wrong with documents: line, column, and what is wanted. Those of a project are held against its data
    as well, where it is there already.
    """
    checked, wrong = [], []
    for file in files:
        try:
            found = app.client.experiments.validate(file)
            project = _project(app, found, missing=None)
            if project is not None:
                project.experiments.validate(file)
            checked.append(found)
        except InvalidRequest as error:
            wrong += [f"{file}: {entry.get('message')}" for entry in error.errors] or [f"{file}: {error.detail}"]
    if wrong:
        raise Failed("\n".join(wrong))
    app.out.list(checked, {"name": "EXPERIMENT", "type": "TYPE", "project": "PROJECT", "file": "DATA"}, "No documents.")


def train(app: App, files: Sequence[Path], follows: bool) -> None:
    """Start the trainings that documents describe. With --follow the exit code says how they ended."""
    validate_first = [(file, app.client.experiments.validate(file)) for file in files]
    jobs = [_known(app, found).experiments.train(file) for file, found in validate_first]
    _told(app, jobs, follows)


def retrain(app: App, files: Sequence[Path], follows: bool) -> None:
    """Train what was trained before, with the same documents, on the data as they are now."""
    checked = [(file, app.client.experiments.validate(file)) for file in files]
    for file, found in checked:
        if next(_known(app, found).experiments.jobs(found.name), None) is None:
            raise Failed(
                f"{file}: '{found.name}' was never trained in '{found.project}': diyml experiment train {file}"
            )
    _told(app, [_known(app, found).experiments.train(file) for file, found in checked], follows)


def stop(app: App, files: Sequence[Path]) -> None:
    """End the trainings of documents early; the best models so far are kept."""
    for file in files:
        found = app.client.experiments.validate(file)
        jobs = _known(app, found).experiments.jobs(found.name)
        job = next((job for job in jobs if not job.ended), None)
        if job is None:
            raise Failed(f"{file}: no training of '{found.name}' is queued or running in '{found.project}'")
        job.stop()
        app.out.say(f"{file}: job {job.id} ends with the best model so far.")
        if app.out.as_json:
            app.out.data(job)


def predict(app: App, file: Path, inputs: Sequence[Path]) -> None:
    """Ask the model that answers for the project of a document: about images, or about rows in a .json or .csv file."""
    found = app.client.experiments.validate(file)
    project = _known(app, found)
    if not project.is_published:
        raise Failed(
            f"'{project.name}' is not published, so nothing answers: train it (diyml experiment train {file}), then "
            f"diyml publish --project {project.name}"
            if project.model is None
            else f"'{project.name}' has a model and is not published: diyml publish --project {project.name}"
        )
    for path in inputs:
        app.out.data(_predicted(app, project, path))


def _predicted(app: App, project: Project, path: Path) -> Any:
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return app.client.predict(project, path)
    if suffix not in _ROWS:
        raise Failed(f"{path}: wanted an image ({', '.join(sorted(SUFFIXES))}), or rows as .json or .csv", 2)
    if path.stat().st_size > _MOST_BYTES:
        raise Failed(f"{path}: more than {_MOST_BYTES:,} bytes: send it in parts")
    transport, published = app.client.transport, path_of("published", project.name, "predict")
    if suffix == ".csv":
        content, headers = path.read_bytes(), {"Content-Type": "text/csv"}
        answer = transport.content("POST", f"{published}-csv", data=lambda: content, headers=headers)
        return {"file": path.name, "csv": answer.decode()}
    return transport.json("POST", published, body={"rows": _rows(path)})


def _rows(path: Path) -> Any:
    """The rows of a JSON file: a list of objects, or an object that has one as `rows`."""
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise Failed(f"{path}: no valid JSON: {error}") from None
    rows = value.get("rows") if isinstance(value, dict) else value
    if not isinstance(rows, list):
        raise Failed(f"{path}: wanted a list of objects with a value a column, or an object with such a list as `rows`")
    return rows


def load(app: App, file: Path, reference: str) -> None:
    """Make a model that MLflow has a version of the document's project: RUN_OR_MODEL is the id of a run, or
    models:/NAME/VERSION.
    """
    project = _known(app, app.client.experiments.validate(file))
    name, _, version = reference.removeprefix("models:/").rpartition("/")
    if reference.startswith("models:/"):
        if not name or not version.isdigit():
            raise Failed(f"wanted models:/NAME/VERSION, got '{reference}'", 2)
        wish: dict[str, Any] = {"model": name, "version": int(version)}
    else:
        wish = {"run_id": reference}
    loaded = app.client.transport.json("POST", path_of("projects", project.id, "models", "load"), body=wish)
    app.out.one(loaded, [(name, value) for name, value in loaded.items() if isinstance(value, (str, int))])


def _known(app: App, found: CheckedExperiment) -> Project:
    project = _project(app, found)
    assert project is not None
    return project


def _project(app: App, found: CheckedExperiment, missing: Any = ...) -> Project | None:
    """The project of a document; `missing` instead where there is none, if it is given."""
    try:
        return app.client.projects.get(found.project)
    except DiymlError as error:
        if error.status != 404 or missing is ...:
            raise
        return None


def _told(app: App, jobs: Sequence[Job], follows: bool) -> None:
    for job in jobs:
        if follows:
            follow(app, job)
        elif app.out.as_json:
            app.out.data(job)
        else:
            app.out.text(job.id)
    bad = [job for job in jobs if follows and job.state != "succeeded"]
    for job in bad:
        app.out.say(f"The job {job.id} was {job.state}{f': {job.error}' if job.error else '.'}")
    if bad:
        raise SystemExit(REFUSED)
