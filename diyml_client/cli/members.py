"""`diyml members`."""

from __future__ import annotations

import click

from diyml_client.cli.context import App, command, in_project


def add_to(root: click.Group) -> None:
    """Add the commands."""
    group = click.Group("members", help="Who may work in a project.")
    root.add_command(group)
    user = click.argument("username")
    command(group, in_project(), name="list", short_help="List them.")(list_members)
    role = click.option("--role", type=click.Choice(("viewer", "editor")), default="viewer", show_default=True)
    command(group, user, role, in_project(), name="add", short_help="Let somebody in, or change their role.")(add)
    command(group, user, in_project(), name="remove", short_help="End a membership.")(remove)


def list_members(app: App, project: str) -> None:
    """List who may do what."""
    app.out.list(app.project(project).members.list(), {"username": "USER", "role": "ROLE"}, "There are no members.")


def add(app: App, project: str, username: str, role: str) -> None:
    """Let somebody in: a viewer looks, an editor changes and trains."""
    member = app.project(project).members.put(username, role)
    app.out.say(f"{username} is now {role}.")
    if app.out.as_json:
        app.out.data(member)


def remove(app: App, project: str, username: str) -> None:
    """End a membership; your own, if you like."""
    app.project(project).members.remove(username)
    app.out.say(f"{username} is no longer a member.")
