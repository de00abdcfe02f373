"""One line a request, as JSON, and the request's id on whatever is logged meanwhile.

No body, header, query or token is ever logged, and of the path only the route, since a path may hold an id that opens
something.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import Counter
from typing import Any

from flask import Flask, Response, g, request

from api.metrics import count_request
from api.request_id import REQUEST_ID, chosen_id, request_id

logger = logging.getLogger("diyml.requests")

UNKNOWN_ROUTE = "(none)"
_BETWEEN_LINES_SECONDS = 1.0


def log_requests(app: Flask) -> None:
    """Give each request an id, or take that of the proxy in front, and log and count it once it is answered."""

    @app.before_request
    def begin() -> None:
        g.request_id = chosen_id(request.headers.get(REQUEST_ID, ""))
        g.started = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers[REQUEST_ID] = g.request_id
        seconds, route = time.perf_counter() - g.started, request.endpoint or UNKNOWN_ROUTE
        count_request(route, request.method, response.status_code, seconds)
        logger.info(json.dumps(_line(route, response, seconds)))
        return response


def _line(route: str, response: Response, seconds: float) -> dict[str, Any]:
    return {
        "request_id": g.request_id,
        "method": request.method,
        "route": route,
        "status": response.status_code,
        "ms": round(seconds * 1000, 1),
        "user": str(user_id) if (user_id := g.get("user_id")) else None,
        "bytes_in": request.content_length,
        "bytes_out": response.content_length,
    }


class _Refused:
    """How many requests were refused early, of which one line a second tells: a flood is not to fill the disk."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, int]] = Counter()
        self._told_at = float("-inf")

    def count(self, route: str, status: int) -> None:
        with self._lock:
            self._counts[route, status] += 1
            now = time.monotonic()
            if now - self._told_at < _BETWEEN_LINES_SECONDS:
                return
            self._told_at, counts, self._counts = now, self._counts, Counter()
        for (route, status), count in counts.items():
            logger.info(json.dumps({"method": "POST", "route": route, "status": status, "refused_early": count}))


_refused = _Refused()


def log_refused(route: str, status: int, seconds: float) -> None:
    """Count one request that was refused before it was looked at; the log has a line a second for all of them."""
    count_request(route, "POST", status, seconds)
    _refused.count(route, status)


class RequestIdFilter(logging.Filter):
    """Puts `request_id` on every record: that of the request at hand, or `-`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through."""
        record.request_id = request_id()
        return True
