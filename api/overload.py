"""Refuses predictions while the engine is full, before Flask sees them: what is refused must cost next to nothing."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable
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
        route = self._route(environ)
        if route is None:
            return self._app(environ, start_response)
        who = environ.get("HTTP_AUTHORIZATION", "")
        caller = hashlib.sha256(who.encode("latin-1")).digest() if who else b""
        if time.monotonic() < self._sent_away.get(caller, 0.0):
            return self._many.answer(route, environ, start_response)
        if not self._has_room():
            return self._full.answer(route, environ, start_response)

        def noted(status: str, *more: Any) -> Any:
            if caller and status.startswith("429"):
                self._send_away(caller)
            return start_response(status, *more)

        return self._app(environ, noted)

    def _route(self, environ: WSGIEnvironment) -> str | None:
        if environ["REQUEST_METHOD"] != "POST":
            return None
        return next((route for route, path in self._routes if path.fullmatch(environ["PATH_INFO"])), None)

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
        self._body = response.get_data()
        self._headers = [*response.headers.items(), ("Access-Control-Expose-Headers", ", ".join(sorted(exposed)))]

    def answer(self, route: str, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        _drain(environ)
        request_id = chosen_id(environ.get("HTTP_X_REQUEST_ID", ""))
        origin = ("Access-Control-Allow-Origin", environ.get("HTTP_ORIGIN", "*"))
        headers = [*self._headers, (REQUEST_ID, request_id), origin, ("Vary", "Origin")]
        start_response(f"{self._status.value} {self._status.phrase}", headers)
        log_refused(route, self._status, time.perf_counter() - began)
        return [self._body]


def _drain(environ: WSGIEnvironment) -> None:
    """Read what is still being sent; a client that is cut off while it sends never sees the answer."""
    while environ["wsgi.input"].read(_CHUNK_BYTES):
        pass
