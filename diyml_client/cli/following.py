"""A training as it goes: a table that grows for a person, lines for a file, JSON for a program."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from diyml_client.cli.console import cell
from diyml_client.cli.context import REFUSED, App
from diyml_client.jobs import Job, JobEvent

_ROWS = 15
_MOST_COLUMNS = 6
_NOT_MEASURED = ("at", "epoch", "epochs", "seconds", "duration_seconds")


def follow(app: App, job: Job) -> None:
    """Show a job until it has ended; a program gets one event a line, and the job at the end."""
    if app.out.as_json:
        for event in job.follow():
            app.out.data({"event": event.kind, "id": event.id, **event.data})
        app.out.data({"event": "job", **job.raw})
    elif app.out.live:
        _watch(app, job)
    else:
        _tell(app, job)


def started(app: App, job: Job, follows: bool) -> None:
    """Tell of a job that waits now; with `follows` until it has ended, and the exit code says how."""
    if follows:
        app.out.say(f"Job {job.id}; Ctrl-C leaves it running.")
        follow_to_success(app, job)
    elif app.out.as_json:
        app.out.data(job)
    else:
        app.out.say(f"It is {job.state}. To see how it goes: diyml job {job.id} --follow")
        app.out.text(job.id)


def follow_to_success(app: App, job: Job) -> None:
    """As `follow`; the program ends here when the job does not succeed."""
    follow(app, job)
    if job.state != "succeeded":
        app.out.say(f"The job was {job.state}." if job.state == "cancelled" else f"The job failed: {job.error}")
        raise SystemExit(REFUSED)


def _tell(app: App, job: Job) -> None:
    for event in job.follow():
        if event.kind == "metrics":
            values = "  ".join(f"{name} {cell(value)}" for name, value in measured(event).items())
            app.out.text(f"epoch {event.data.get('epoch')}  {values}")
        elif event.kind == "state":
            app.out.text(f"{event.data.get('state')}")
        elif event.kind == "queue":
            app.out.text(f"waiting, number {event.data.get('position')} in the queue")


def _watch(app: App, job: Job) -> None:
    view = _View(job)
    with Live(view.drawn(), console=app.out.err, refresh_per_second=4) as live:
        for event in job.follow():
            view.take(event)
            live.update(view.drawn())


def measured(event: JobEvent) -> dict[str, Any]:
    """The figures of an epoch, losses first."""
    nested = event.data.get("metrics")
    data = nested if isinstance(nested, dict) else event.data
    values = {name: value for name, value in data.items() if name not in _NOT_MEASURED}
    return dict(sorted(values.items(), key=lambda item: ("loss" not in item[0], item[0])))


class _View:
    """What stands on the screen."""

    def __init__(self, job: Job):
        self._epochs = job.epochs
        self._state = job.state
        self._left: float | None = None
        self._rows: list[tuple[Any, dict[str, Any]]] = []

    def take(self, event: JobEvent) -> None:
        """Take in what has happened."""
        if event.kind == "metrics":
            self._rows.append((event.data.get("epoch"), measured(event)))
        elif event.kind == "progress":
            self._left = event.data.get("eta_seconds")
            self._epochs = event.data.get("epochs") or self._epochs
        elif event.kind == "state":
            self._state = str(event.data.get("state"))
        elif event.kind == "queue":
            self._state = f"queued, number {event.data.get('position')}"

    def drawn(self) -> Group:
        """The table with its head."""
        left = "" if self._left is None else f", about {self._left:.0f} s left"
        head = Text(f"{self._state}{left}" if self._state == "running" else self._state)
        names = [*self._rows[-1][1]][:_MOST_COLUMNS] if self._rows else []
        table = Table(box=None, pad_edge=False)
        for name in ["epoch", *names]:
            table.add_column(name, justify="right")
        for epoch, values in self._rows[-_ROWS:]:
            table.add_row(f"{epoch}/{self._epochs or '?'}", *(cell(values.get(name)) for name in names))
        return Group(head, table)
