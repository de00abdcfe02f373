"""What every command shares: the options `--json` and `--profile`, the client, and how errors become exit codes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import click

from diyml_client import config
from diyml_client.cli.console import Output
from diyml_client.client import Client
from diyml_client.errors import ConnectionFailed, DiymlError, Unavailable
from diyml_client.projects import Project

REFUSED, MISUSED, UNREACHABLE, INTERRUPTED = 1, 2, 3, 130
F = TypeVar("F", bound=Callable[..., Any])


class App:
    """One run of the command line."""

    def __init__(self, profile: str | None = None, as_json: bool = False, quiet: bool = False):
        self.profile = profile
        self.out = Output(as_json, quiet)

    @functools.cached_property
    def client(self) -> Client:
        """The client of whoever is logged in.

        Raises:
            NoProfile: nobody is.
        """
        return Client.from_config(self.profile)

    def project(self, name: str) -> Project:
        """A project by its name or id; a name that is nearly one is told."""
        return self.client.projects.get(name)


class Failed(Exception):
    """The end of a command: a sentence, and the exit code."""

    def __init__(self, message: str, code: int = REFUSED):
        super().__init__(message)
        self.code = code


def failure(error: DiymlError) -> Failed:
    """What a person is told of an error, and the exit code for it."""
    lines = [str(error)]
    fields = [f"  {item.get('field', '')}: {item['message']}" for item in error.errors if item.get("message")]
    # One bad field is what the sentence says already.
    lines += fields if len(fields) > 1 else []
    if error.request_id and error.status >= 500:
        lines.append(f"  request id: {error.request_id}")
    unreachable = isinstance(error, (ConnectionFailed, Unavailable))
    return Failed("\n".join(lines), UNREACHABLE if unreachable else REFUSED)


def command(group: click.Group, *options: Any, name: str, **more: Any) -> Callable[[F], click.Command]:
    """Declare a command; it gets the `App` first, and `--json` and `--profile` may stand behind it too."""

    def decorate(function: F) -> click.Command:
        def run(context: click.Context, /, **given: Any) -> Any:
            app = context.find_object(App) or App()
            app.profile = given.pop("profile_here") or app.profile
            app.out.as_json = given.pop("json_here") or app.out.as_json
            try:
                return function(app, **given)
            except DiymlError as error:
                raise failure(error) from None
            except BrokenPipeError:
                raise  # no failure: whoever read has what they wanted
            except OSError as error:
                raise Failed(f"{error.filename or 'a file'}: {error.strerror or error}") from None

        made = click.Command(name, callback=click.pass_context(run), help=inspect.getdoc(function), **more)
        for option in options:
            option(made)  # adds itself
        made.params += [
            click.Option(["--json", "json_here"], is_flag=True, help="Print JSON on stdout, and nothing else there."),
            click.Option(["--profile", "profile_here"], help=f"Which login to use ({config.PROFILE})."),
        ]
        group.add_command(made)
        return made

    return decorate


def in_project(required: bool = True) -> Any:
    """The option that names a project."""
    return click.option("--project", "-p", "project", required=required, help="Name or id of the project.")
