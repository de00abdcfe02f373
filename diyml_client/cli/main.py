"""`diyml`: the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from diyml_client import config
from diyml_client.cli import (
    account,
    alerts,
    classes,
    completion,
    deploy,
    doctor,
    experiments,
    images,
    imports,
    jobs,
    members,
    models,
    projects,
    publication,
    server,
    tables,
    versions,
)
from diyml_client.cli.context import INTERRUPTED, MISUSED, REFUSED, App, Failed
from diyml_client.errors import DiymlError
from diyml_client.version import VERSION

NOUNS = (
    account, projects, classes, members, images, imports, tables, versions, jobs, experiments, deploy, models,
    publication, alerts, doctor, completion,
)  # fmt: skip
_COMPLETE = "_DIYML_COMPLETE"  # the shell asks what could stand next, without any argument
EPILOG = """Exit codes: 0 done, 1 refused or failed, 2 asked wrongly, 3 the server cannot be reached, 130 interrupted.
Results are on stdout, messages on stderr."""


class Root(click.Group):
    """All commands; those of the server are named in the help where it is installed."""

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """List ours, then the server's."""
        super().format_commands(context, formatter)
        if server.is_installed():
            with formatter.section("The server on this machine (diyml alone starts it)"):
                formatter.write_dl([*server.COMMANDS.items()])


def _root(context: click.Context, profile: str | None, json_everywhere: bool, quiet: bool) -> None:
    context.obj = App(profile, json_everywhere, quiet)
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def build() -> click.Group:
    """The command with all its subcommands."""
    options: list[click.Parameter] = [
        click.Option(["--profile"], help=f"Which login to use ({config.PROFILE})."),
        click.Option(["--json", "json_everywhere"], is_flag=True, help="Print JSON on stdout, and nothing else there."),
        click.Option(["--quiet", "-q"], is_flag=True, help="Say nothing but errors and results."),
    ]
    root = Root(
        "diyml",
        params=options,
        callback=click.pass_context(_root),
        invoke_without_command=True,
        help="Make your own models: talk to a DIYML server.",
        epilog=EPILOG,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    click.version_option(VERSION, prog_name="diyml", message="%(prog)s %(version)s")(root)
    for noun in NOUNS:
        noun.add_to(root)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit status: see `EPILOG`.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    completing = config.variable(_COMPLETE)
    if server.is_meant(given) and server.is_installed() and not completing:
        return server.run(given)
    try:
        result: Any = build().main(given, prog_name="diyml", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Abort:
        click.echo("diyml: interrupted", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Failed as error:
        click.echo(f"diyml: {error}", err=True)
        return error.code
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else REFUSED
    except DiymlError as error:
        click.echo(f"diyml: {error}", err=True)
        return MISUSED
    except BrokenPipeError:
        # Whoever read has what they wanted; Python would complain about the rest at its end.
        sys.stderr.close()
        return REFUSED
