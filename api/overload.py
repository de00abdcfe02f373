"""Refuses predictions while the engine is full, before Flask sees them: what is refused must cost next to nothing.

The web server refuses most of them before that, by the head of the request alone (`launch/doorway.py`), in the same
words.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from api.errors import domain_problem, status_of
from api.request_id import REQUEST_ID, chosen_id
from api.request_log import log_refused
from utils import DomainError, TooManyRequests, Unavailable

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_RETRY_AFTER_SECONDS = 1
_SENT_AWAY_SECONDS = 0.1
_MOST_SENT_AWAY = 1000
_CHUNK_BYTES = 256 * 1024
_PLACEHOLDER = re.compile(r"<[^>]+>")


class RefuseEarly:
    """A WSGI application around the real one.

    Ten times as many requests as a machine can answer leave it no time to answer any, unless it gets rid of the others
    quickly. So there is no look at what is asked; and who was told that he asks for too much is told so again
    for a tenth of a second, without a look at whether that still holds.

    Args:
        paths: as in the route table, of what is refused when it is POSTed.
        has_room: whether the engine would take another request; asked once for each.
        exposed: names of headers that a page of another origin may read.
    """

    def __init__(
        self, app: WSGIApplication, paths: Iterable[str], has_room: Callable[[], bool], exposed: Iterable[str]
    ) -> None:
        self._app = app
        self._routes = [(path, re.compile(_PLACEHOLDER.sub("[^/]+", path))) for path in paths]
        self._has_room = has_room
        full = Unavailable("too many inferences are waiting: try again in a moment", [], _RETRY_AFTER_SECONDS)
        many = TooManyRequests(
            "you were told a moment ago that you ask for too much: wait as long as that answer said",
            [],
            _RETRY_AFTER_SECONDS,
        )
        self._full, self._many = _Refusal(full, exposed), _Refusal(many, exposed)
        self._sent_away: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Refuse the request, or hand it on."""
        if environ["REQUEST_METHOD"] != "POST" or (route := self._route(environ["PATH_INFO"])) is None:
            return self._app(environ, start_response)
        caller = _caller(environ.get("HTTP_AUTHORIZATION", ""))
        if refusal := self._refusal(caller):
            return refusal.answer(route, environ, start_response)

        def noted(status: str, *more: Any) -> Any:
            if caller and status.startswith("429"):
                self._send_away(caller)
            return start_response(status, *more)

        return self._app(environ, noted)

    def has_room(self) -> bool:
        """Whether anybody can be let in; as quick as a look at a number."""
        return self._has_room()

    def response(self, path: str, header: Callable[[str], str]) -> bytes | None:
        """The whole answer to a POST that is to be refused, for whoever has read nothing but its head; else None.

        Args:
            header: the value of a request's header by its name; empty when it has none.
        """
        began = time.perf_counter()
        route = self._route(path)
        refusal = self._refusal(_caller(header("Authorization"))) if route else None
        if route is None or refusal is None:
            return None
        raw = refusal.raw(chosen_id(header(REQUEST_ID)), header("Origin"))
        refusal.log(route, began)
        return raw

    def _route(self, path: str) -> str | None:
        return next((route for route, pattern in self._routes if pattern.fullmatch(path)), None)

    def _refusal(self, caller: bytes) -> _Refusal | None:
        if time.monotonic() < self._sent_away.get(caller, 0.0):
            return self._many
        return None if self._has_room() else self._full

    def _send_away(self, caller: bytes) -> None:
        with self._lock:
            if len(self._sent_away) >= _MOST_SENT_AWAY:
                self._sent_away.clear()
            self._sent_away[caller] = time.monotonic() + _SENT_AWAY_SECONDS


class _Refusal:
    """One answer, made beforehand."""

    def __init__(self, error: DomainError, exposed: Iterable[str]):
        response = domain_problem(error)
        self._status = HTTPStatus(status_of(error))
        self._line = f"{self._status.value} {self._status.phrase}"
        self._body = response.get_data()
        self._headers = [*response.headers.items(), ("Access-Control-Expose-Headers", ", ".join(sorted(exposed)))]

    def answer(self, route: str, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        _drain(environ)
        own = self._own(chosen_id(environ.get("HTTP_X_REQUEST_ID", "")), environ.get("HTTP_ORIGIN", ""))
        start_response(self._line, [*self._headers, *own])
        self.log(route, began)
        return [self._body]

    def raw(self, request_id: str, origin: str) -> bytes:
        """All of the answer, as it goes over a connection that stays open."""
        headers = [*self._headers, *self._own(request_id, origin), ("Date", formatdate(usegmt=True))]
        lines = [f"HTTP/1.1 {self._line}", *(f"{name}: {value}" for name, value in headers), "", ""]
        return "\r\n".join(lines).encode("latin-1") + self._body

    def log(self, route: str, began: float) -> None:
        """Count it.

        Args:
            began: by `time.perf_counter()`.
        """
        log_refused(route, self._status, time.perf_counter() - began)

    def _own(self, request_id: str, origin: str) -> list[tuple[str, str]]:
        return [(REQUEST_ID, request_id), ("Access-Control-Allow-Origin", origin or "*"), ("Vary", "Origin")]


def _caller(authorization: str) -> bytes:
    return hashlib.sha256(authorization.encode("latin-1")).digest() if authorization else b""


def _drain(environ: WSGIEnvironment) -> None:
    """Read what is still being sent; a client that is cut off while it sends never sees the answer."""
    while environ["wsgi.input"].read(_CHUNK_BYTES):
        pass
