"""`diyml alerts`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from diyml_client.cli.context import App, command, in_project


def add_to(root: click.Group) -> None:
    """Add the commands."""
    group = click.Group("alerts", help="Rules that tell when rows of a project are odd, and what they have found.")
    root.add_command(group)
    rule, incident = click.argument("rule"), click.argument("incident")
    command(group, in_project(), name="list", short_help="List the rules.")(list_rules)
    kind = click.option("--kind", type=click.Choice(("score", "rate", "silence")), default="score", show_default=True)
    values = click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="A parameter of the kind.")
    cooldown = click.option(
        "--cooldown", type=float, default=300, show_default=True, help="Seconds of quiet after one."
    )
    mail = click.option("--mail/--no-mail", default=True, help="Tell the owner of the project by mail.")
    options = click.argument("name"), kind, values, cooldown, mail, in_project()
    command(group, *options, name="create", short_help="Make a rule.")(create)
    command(group, rule, in_project(), name="delete", short_help="Delete a rule.")(delete)
    command(group, rule, in_project(), name="test", short_help="Send a trial to whom it tells.")(test)
    state = click.option("--state", type=click.Choice(("open", "closed")))
    command(group, state, in_project(), name="incidents", short_help="List what was found.")(incidents)
    command(group, incident, in_project(), name="acknowledge", short_help="Say that you look after it.")(acknowledge)
    path = click.argument("file", type=click.Path(path_type=Path))
    command(group, incident, path, in_project(), name="picture", short_help="Save its picture.")(picture)


def list_rules(app: App, project: str) -> None:
    """List the rules, oldest first."""
    columns = {"id": "RULE", "name": "NAME", "kind": "KIND", "active": "ACTIVE", "parameters": "PARAMETERS"}
    app.out.list(app.project(project).alerts.list(), columns, "There are no rules: diyml alerts create")


def create(app: App, project: str, name: str, kind: str, values: tuple[str, ...], cooldown: float, mail: bool) -> None:
    """Make a rule.

    score takes level, rows, of, clear_level, clear_rows; rate takes count or share, rows or seconds, least_rows, clear;
    silence takes seconds.
    """
    parameters = dict(map(_pair, values))
    rule = app.project(project).alerts.create(name, kind, parameters, cooldown_seconds=cooldown, mail=mail)
    app.out.one(rule, [("rule", rule.id), ("kind", rule.kind), *rule.parameters.items()])


def _pair(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    try:
        return name, json.loads(value if sign else "")
    except ValueError:
        raise click.BadParameter(f"'{text}' is no NAME=NUMBER, such as level=1.5", param_hint="--set") from None


def delete(app: App, project: str, rule: str) -> None:
    """Delete a rule; its open incidents are over."""
    app.project(project).alerts.delete(rule)
    app.out.say("The rule is deleted.")


def test(app: App, project: str, rule: str) -> None:
    """Send a trial to all whom an incident would be told to."""
    told = app.project(project).alerts.test(rule)
    app.out.say(f"Sent to {len(told['webhooks'])} webhooks{' and by mail' if told['mail'] else ''}.")
    if app.out.as_json:
        app.out.data(told)


def incidents(app: App, project: str, state: str | None) -> None:
    """List what the rules have found, the last first."""
    columns = {
        "id": "INCIDENT", "key": "KEY", "rule_name": "RULE", "state": "STATE", "began_at": "BEGAN",
        "duration_seconds": "SECONDS", "worst_score": "WORST",
    }  # fmt: skip
    app.out.list(app.project(project).incidents.list(state), columns, "There are no incidents.")


def acknowledge(app: App, project: str, incident: str) -> None:
    """Say that you look after an incident."""
    known = app.project(project).incidents.acknowledge(incident)
    app.out.say(f"{known.acknowledged_by} looks after '{known.key}'.")
    if app.out.as_json:
        app.out.data(known)


def picture(app: App, project: str, incident: str, file: Path) -> None:
    """Save the picture of an incident, a PNG file."""
    app.project(project).incidents.picture(incident, file)
    app.out.say(f"Saved as {file}.")
