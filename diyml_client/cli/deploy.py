"""`diyml deploy`."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

import click

from diyml_client.cli.context import REFUSED, App, Failed, command, failure
from diyml_client.deployment import Deployment, Step
from diyml_client.errors import DiymlError
from diyml_client.repository import checked_out

BELOW = 4
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LEAST_SECONDS, _MOST_SECONDS = 10, 7 * 86_400


def add_to(root: click.Group) -> None:
    """Add the command."""
    command(
        root,
        click.argument("source", metavar="GIT_URL_OR_PATH"),
        click.option("--branch", "-b", help="Without it, the one that the repository shows first."),
        click.option("--folder", default="experiments", show_default=True, help="Where its documents are."),
        click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
        click.option("--every", metavar="5m", help="Do it again and again, this far apart: 30s, 5m, 2h, 1d."),
        name="deploy",
        short_help="Train and publish what the documents of a git repository describe.",
    )(deploy)


def deploy(app: App, source: str, branch: str | None, folder: str, dry_run: bool, every: str | None) -> int:
    """Train and publish what the documents of a git repository describe.

    Projects that are missing are made, data files that have changed are imported, what has changed is trained, and a
    model that is worth what its document wants is published. Done a second time, it does nothing. Exit codes: 0 done
    or nothing to do, 1 something is wrong or has failed, 3 the server cannot be reached, 4 a model is worth less than
    its document wants, and was not published.
    """
    given_up: set[tuple[str, str]] = set()
    if every is None:
        return _run(app, source, branch, folder, dry_run, given_up)
    seconds = _seconds(every)
    while True:  # until somebody ends the program
        try:
            _run(app, source, branch, folder, dry_run, given_up)
        except (DiymlError, Failed) as error:
            app.out.say(f"diyml: {failure(error) if isinstance(error, DiymlError) else error}")
        time.sleep(seconds)  # A repository tells nobody of its commits.


def _run(app: App, source: str, branch: str | None, folder: str, dry_run: bool, given_up: set[tuple[str, str]]) -> int:
    with checked_out(source, branch) as checkout:
        app.out.say(f"commit {checkout.commit[:12]}")
        deployment = Deployment(app.client, checkout, folder, app.out.say, given_up)
        steps = deployment.plan()
        for step in steps:
            app.out.say(f"{step.name}: {'; '.join(step.lines)}")
        if not dry_run:
            deployment.apply(steps)
    _shown(app, steps, dry_run)
    return _code(steps)


def _shown(app: App, steps: Sequence[Step], dry_run: bool) -> None:
    if app.out.as_json:
        app.out.data([step.told() for step in steps])
        return
    rows = [
        (step.name, step.document.project, step.model.version if step.model else None, _outcome(step, dry_run))
        for step in steps
    ]
    app.out.table(("DOCUMENT", "PROJECT", "VERSION", "OUTCOME"), rows, "There are no documents.")


def _outcome(step: Step, dry_run: bool) -> str:
    if step.failed:
        return f"failed: {step.failed}"
    if dry_run:
        return "; ".join(step.lines)
    return step.below or ("published" if step.published else "trained")


def _code(steps: Sequence[Step]) -> int:
    if any(step.failed for step in steps):
        return REFUSED
    return BELOW if any(step.below for step in steps) else 0


def _seconds(text: str) -> int:
    """How far apart, in seconds.

    Raises:
        Failed: it is no duration, or too short or too long a one.
    """
    found = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not _LEAST_SECONDS <= seconds <= _MOST_SECONDS:
        raise Failed(f"--every must be 10s to 7d, such as 30s, 5m or 2h, got '{text}'", 2)
    return seconds
