"""`diyml doctor`: each part of the way to the server, and what to do about it."""

from __future__ import annotations

import email.utils
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

import click

from diyml_client import config
from diyml_client.cli.context import REFUSED, UNREACHABLE, App, command
from diyml_client.client import Client
from diyml_client.errors import ConnectionFailed, DiymlError, NoProfile, Unavailable
from diyml_client.retries import Patience
from diyml_client.version import VERSION

OK, WARNING, BAD = "ok", "warning", "bad"
_CONNECT_SECONDS = 5.0
_CLOCK_SECONDS = 120


@dataclass(frozen=True)
class Check:
    """What was looked at, how it is, and what to do."""

    part: str
    state: str
    message: str
    advice: str = ""


def add_to(root: click.Group) -> None:
    """Add the command."""
    command(
        root,
        click.option("--url", help="Look at this server, without a token."),
        name="doctor",
        short_help="Look at each part of the way to the server.",
    )(doctor)


def doctor(app: App, url: str | None) -> None:
    """Check address, name, connection, TLS, server, version, clock, token, and each part of the platform.

    Exits with 0 when nothing is wrong, 1 when something is, 3 when the server cannot be reached.
    """
    checks: list[Check] = []
    for check in _checks(app, url):
        checks.append(check)
        if not app.out.as_json:
            app.out.text(f"{check.state:8} {check.part:11} {check.message}")
            if check.advice:
                app.out.text(f"{'':20} {check.advice}")
    if app.out.as_json:
        app.out.data([asdict(check) for check in checks])
    bad = {check.part for check in checks if check.state == BAD}
    if bad:
        raise SystemExit(UNREACHABLE if bad & {"name", "connection", "TLS", "server"} else REFUSED)


def _checks(app: App, url: str | None) -> Iterator[Check]:
    yield Check("client", OK, f"version {VERSION}")
    try:
        saved = config.Profile(url, "") if url else config.load(app.profile)
        patience = Patience(tries=2, seconds=2)
        client = Client(saved.url, saved.token or None, connect_seconds=_CONNECT_SECONDS, patience=patience)
    except DiymlError as error:
        part = "login" if isinstance(error, NoProfile) else "address"
        yield Check(part, BAD, error.detail, error.advice)
        return
    yield Check("address", OK, client.url)
    reached = True
    for look in (_name, _connection):
        check = look(client.url)
        reached = check.state == OK
        yield check
        if not reached:
            return
    for ask in (_server, _clock, _ready, _token):
        check_or_none = _asked(ask, client)
        if check_or_none is None:
            continue
        yield from check_or_none
        if any(check.state == BAD and check.part in ("TLS", "server") for check in check_or_none):
            return


def _asked(ask: Callable[[Client], list[Check]], client: Client) -> list[Check] | None:
    try:
        return ask(client)
    except ConnectionFailed as error:
        if "certificate" in error.detail or "TLS" in error.detail:
            return [Check("TLS", BAD, error.detail, "Name the file of its certificate in REQUESTS_CA_BUNDLE.")]
        return [Check("server", BAD, error.detail, "See whether the port is the right one, and the server's log.")]


def _name(url: str) -> Check:
    host = urlsplit(url).hostname or ""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return Check("name", BAD, f"there is no host '{host}'", "See that it is written right, and your network.")
    return Check("name", OK, f"{host} is {found[0][4][0]}")


def _connection(url: str) -> Check:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), _CONNECT_SECONDS):
            return Check("connection", OK, f"port {port} is open")
    except OSError as error:
        advice = (
            "See that the server runs (`diyml status` on its machine), on this port, and that no firewall is between."
        )
        return Check("connection", BAD, f"port {port} does not answer: {error.strerror or error}", advice)


def _server(client: Client) -> list[Check]:
    try:
        answer, _ = client.transport.call("GET", "/health")
    except ConnectionFailed:
        raise
    except DiymlError as error:
        return [
            Check("server", BAD, f"what answers is no DIYML (status {error.status})", "See the address and the port.")
        ]
    if not isinstance(answer, dict) or answer.get("status") != "ok":
        return [Check("server", BAD, "what answers is no DIYML", "See the address and the port.")]
    secure = client.url.startswith("https:")
    local = (urlsplit(client.url).hostname or "") in ("localhost", "127.0.0.1", "::1")
    tls = Check("TLS", OK, "the certificate is good") if secure else Check("TLS", OK, "not needed on this machine")
    if not secure and not local:
        tls = Check("TLS", WARNING, "the token travels unprotected", "Put the server behind https, see growing.md.")
    return [tls, Check("server", OK, "it is a DIYML"), *_version(client)]


def _version(client: Client) -> list[Check]:
    """The server's version, from its API description; older servers have none."""
    try:
        theirs = str(client.transport.json("GET", "/api/openapi.json")["info"]["version"])
    except (DiymlError, KeyError, TypeError):
        return [
            Check("version", WARNING, "the server does not say which one it is", "It may be older than this client.")
        ]
    if theirs.split(".")[:2] == VERSION.split(".")[:2]:
        return [Check("version", OK, f"the server's is {theirs}")]
    return [
        Check("version", WARNING, f"the server's is {theirs}, ours {VERSION}", "Use a client of the server's version.")
    ]


def _clock(client: Client) -> list[Check]:
    _, headers = client.transport.call("GET", "/health")
    sent = email.utils.parsedate_to_datetime(headers["Date"]).timestamp() if "Date" in headers else time.time()
    apart = abs(sent - time.time())
    if apart < _CLOCK_SECONDS:
        return [Check("clock", OK, "agrees with the server's")]
    return [
        Check(
            "clock", WARNING, f"is {apart:.0f} s from the server's", "Set the clock that is wrong: tokens expire by it."
        )
    ]


def _ready(client: Client) -> list[Check]:
    try:
        parts: dict[str, Any] = client.transport.json("GET", "/ready", again=False).get("parts", {})
        return [Check(name, OK, str(state)) for name, state in parts.items()]
    except Unavailable as error:
        return [Check(str(item.get("field")), BAD, *_halves(str(item.get("message", "")))) for item in error.errors]


def _halves(message: str) -> tuple[str, str]:
    """What is wrong, and what to do: the server joins them by a colon."""
    wrong, _, advice = message.partition(": ")
    return wrong, advice


def _token(client: Client) -> list[Check]:
    if not client.token:
        return [Check("token", WARNING, "there is none", "diyml login")]
    try:
        me = client.me.get()
    except DiymlError as error:
        return [Check("token", BAD, error.detail, error.advice)]
    until = f" until {me.expires_at:%Y-%m-%d}" if me.expires_at else ""
    return [Check("token", OK, f"of {me.username}{until}, may {', '.join(me.scopes) or 'do all'}")]
