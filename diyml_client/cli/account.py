"""`diyml login`, `logout`, `whoami`, `tokens`."""

from __future__ import annotations

import sys

import click

from diyml_client import config
from diyml_client.cli.context import App, Failed, command
from diyml_client.client import Client
from diyml_client.errors import DiymlError

DEFAULT_URL = "http://127.0.0.1:7001"
SCOPES = ("read", "write", "train", "infer", "account")


def add_to(root: click.Group) -> None:
    """Add the commands."""
    command(
        root,
        click.option("--url", help=f"Where the server is, such as {DEFAULT_URL}."),
        click.option("--user", "username", help="Asked for when it is not given."),
        click.option("--password-stdin", is_flag=True, help="Read the password from the first line of stdin."),
        click.option("--token", help="Use this token instead of name and password; - reads it from stdin."),
        click.option("--signup", is_flag=True, help="Make the account first."),
        name="login",
        short_help="Log in, and remember the token.",
    )(login)
    command(root, name="logout", short_help="End the token, and forget it.")(logout)
    command(root, name="whoami", short_help="Say who is logged in, and what the token may do.")(whoami)
    _add_tokens(root)


def login(
    app: App, url: str | None, username: str | None, password_stdin: bool, token: str | None, signup: bool
) -> None:
    """Log in to a server. Name and password are asked for; only the token they bring is kept, in a file that nobody
    else can read."""
    url = url or config.variable(config.URL) or _asked("Server", DEFAULT_URL)
    if token:
        client = Client(url, sys.stdin.readline().strip() if token == "-" else token)  # noqa: S105 - means stdin
    else:
        client = _enter(url, username or _asked("User"), _password(password_stdin, signup), signup)
    name = client.me.get().username
    place = config.save(config.Profile(client.url, client.token or "", name), app.profile)
    app.out.say(f"Logged in to {client.url} as {name}; the token is in {place}.")
    if app.out.as_json:
        app.out.data({"url": client.url, "username": name})


def _enter(url: str, username: str, password: str, signup: bool) -> Client:
    return (Client.signup if signup else Client.login)(url, username, password)


def _asked(what: str, default: str | None = None) -> str:
    if not sys.stdin.isatty():
        raise Failed(f"{what.lower()} is missing, and there is no terminal to ask at: see diyml login --help", 2)
    return str(click.prompt(what, default=default, err=True))


def _password(from_stdin: bool, twice: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Failed("there is no terminal to ask for the password at: use --password-stdin or --token", 2)
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=twice, err=True))


def logout(app: App) -> None:
    """End the token on the server, and forget it here."""
    try:
        app.client.logout()
        app.out.say("The token is ended.")
    except DiymlError as error:
        app.out.say(f"The token could not be ended on the server: {error}")
    if not config.forget(app.profile):
        app.out.say(f"There was no login of the name '{config.profile_name(app.profile)}'.")


def whoami(app: App) -> None:
    """Say who is logged in where, and what the token may do."""
    me = app.client.me.get()
    shown = [
        ("user", me.username),
        ("server", app.client.url),
        ("scopes", me.scopes),
        ("token until", me.expires_at),
        ("mail", me.email),
    ]
    app.out.one({**me.raw, "url": app.client.url}, shown)


def _add_tokens(root: click.Group) -> None:
    group = click.Group("tokens", help="Tokens for other programs, with no more rights than these need.")
    root.add_command(group)
    command(group, name="list", short_help="List them.")(list_tokens)
    command(
        group,
        click.argument("name"),
        click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="May be given several times."),
        click.option("--days", type=int, help="How long it is valid."),
        name="create",
        short_help="Make one; it is shown this once.",
    )(create_token)
    command(group, click.argument("token_id"), name="revoke", short_help="End one.")(revoke_token)


def list_tokens(app: App) -> None:
    """List the account's tokens, without the secrets."""
    columns = {
        "id": "ID",
        "name": "NAME",
        "scopes": "SCOPES",
        "expires_at": "UNTIL",
        "last_used_at": "LAST USED",
        "current": "THIS ONE",
    }
    app.out.list(app.client.tokens.list(), columns, "There are no tokens.")


def create_token(app: App, name: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Make a token. It is printed on stdout this once, and can be had never again."""
    token = app.client.tokens.create(name, scopes or ("read",), days)
    app.out.say(f"The token '{name}' may: {', '.join(token.scopes)}. It is shown only now:")
    if app.out.as_json:
        app.out.data(token)
    else:
        app.out.text(token.token or "")


def revoke_token(app: App, token_id: str) -> None:
    """End a token."""
    app.client.tokens.revoke(token_id)
    app.out.say("It is ended.")
