"""`diyml completion`: a script for the shell that completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from diyml_client.cli.context import App, command

_WHERE = {
    "bash": 'eval "$(diyml completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(diyml completion zsh)"   # in ~/.zshrc, behind compinit',
    "fish": "diyml completion fish | source   # in ~/.config/fish/config.fish",
}


def add_to(root: click.Group) -> None:
    """Add the command."""
    command(
        root,
        click.argument("shell", type=click.Choice(tuple(_WHERE))),
        name="completion",
        short_help="Print a script that completes commands.",
    )(completion)


def completion(app: App, shell: str) -> None:
    """Print a script that lets the shell complete commands and options."""
    kind = get_completion_class(shell)
    assert kind is not None
    root = click.get_current_context().find_root().command
    app.out.text(kind(root, {}, "diyml", "_DIYML_COMPLETE").source())
    app.out.say(f"To have it always: {_WHERE[shell]}")
