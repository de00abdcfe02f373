"""`diyml train`, `jobs`, `job`, `logs`, `cancel`, `stop`."""

from __future__ import annotations

import json
from typing import Any

import click

from diyml_client.cli.context import App, Failed, command, in_project
from diyml_client.cli.following import follow_to_success, started
from diyml_client.jobs import Job, Jobs


def add_to(root: click.Group) -> None:
    """Add the commands."""
    job = click.argument("job_id", metavar="JOB")
    command(
        root,
        in_project(),
        click.option("--epochs", type=int, help="Passes over the training images."),
        click.option("--param", "pairs", multiple=True, help="NAME=VALUE of the trainer; may be given several times."),
        click.option("--algorithm", help="Of a table: auto, linear, forest, boosting, ..."),
        click.option("--parameter", "parameters", multiple=True, help="NAME=VALUE of the algorithm."),
        click.option("--device", type=click.Choice(("any", "cpu", "gpu"))),
        click.option("--dataset-version", type=int, help="Train on a frozen state of the data."),
        click.option("--follow", "-f", "follows", is_flag=True, help="Show how it goes until it has ended."),
        name="train",
        short_help="Start a training.",
    )(train)
    command(
        root,
        in_project(required=False),
        click.option("--state", type=click.Choice(("queued", "running", "succeeded", "failed", "cancelled"))),
        name="jobs",
        short_help="List trainings.",
    )(list_jobs)
    follows = click.option("--follow", "-f", "follows", is_flag=True, help="Show how it goes until it has ended.")
    command(root, job, follows, name="job", short_help="Show a training.")(show)
    command(
        root,
        job,
        click.option("--follow", "-f", "follows", is_flag=True, help="Go on until the job has ended."),
        click.option("--tail", type=click.IntRange(1), help="Only the last lines."),
        name="logs",
        short_help="Print the log of a training.",
    )(logs)
    command(root, job, name="cancel", short_help="End a training, without a model.")(cancel)
    command(root, job, name="stop", short_help="End a training early, with the best model so far.")(stop)


def train(
    app: App,
    project: str,
    epochs: int | None,
    pairs: tuple[str, ...],
    algorithm: str | None,
    parameters: tuple[str, ...],
    device: str | None,
    dataset_version: int | None,
    follows: bool,
) -> None:
    """Start a training in the background. With --follow the exit code says how it ended."""
    params: dict[str, Any] = {} if epochs is None else {"epochs": epochs}
    params.update(_param(pair) for pair in pairs)
    if algorithm:
        params["algorithm"] = algorithm
    if parameters:
        params["parameters"] = dict(_param(pair) for pair in parameters)
    job = app.project(project).train(device=device, dataset_version=dataset_version, **params)
    started(app, job, follows)


def _param(pair: str) -> tuple[str, Any]:
    name, equals, text = pair.partition("=")
    if not equals:
        raise Failed(f"--param must be NAME=VALUE, got '{pair}'", 2)
    try:
        return name, json.loads(text)
    except ValueError:
        return name, text  # a word needs no quotes


def list_jobs(app: App, project: str | None, state: str | None) -> None:
    """List trainings of a project, or of all, newest first."""
    found: Jobs = app.project(project).jobs if project else app.client.jobs
    columns = {"id": "JOB", "project_name": "PROJECT", "state": "STATE", "epoch": "EPOCH", "created_at": "STARTED"}
    app.out.list(found.list(state), columns, "There are no jobs.")


def show(app: App, job_id: str, follows: bool) -> None:
    """Show a training: its state, how far it is, and what it measured."""
    job = app.client.jobs.get(job_id)
    if follows:
        follow_to_success(app, job)
        return
    shown = [
        ("job", job.id),
        ("project", job.project_name),
        ("state", job.state),
        ("epoch", f"{job.epoch} of {job.epochs}"),
        ("seconds left", job.eta_seconds),
        ("metrics", job.metrics),
        ("error", job.error),
    ]
    app.out.one(job, [(name, value) for name, value in shown if value is not None])


def logs(app: App, job_id: str, follows: bool, tail: int | None) -> None:
    """Print the log of a training."""
    job = app.client.jobs.get(job_id)
    if not follows:
        for line in job.logs(tail):
            _line(app, line)
        return
    for event in job.follow():
        if event.kind == "log":
            for line in event.data.get("lines") or [event.data.get("line", "")]:
                _line(app, line)


def _line(app: App, line: str) -> None:
    if app.out.as_json:
        app.out.data({"line": line})
    else:
        app.out.text(line)


def cancel(app: App, job_id: str) -> None:
    """End a training, without a model."""
    _told(app, app.client.jobs.get(job_id).cancel(), "It ends now.")


def stop(app: App, job_id: str) -> None:
    """End a training early; the best model so far is kept."""
    _told(app, app.client.jobs.get(job_id).stop(), "It ends with the best model so far.")


def _told(app: App, job: Job, text: str) -> None:
    app.out.say(f"It has {job.state} already." if job.ended and job.state != "cancelled" else text)
    if app.out.as_json:
        app.out.data(job)
