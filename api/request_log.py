"""One line a request, as JSON, and the request's id on whatever is logged meanwhile.

No body, header, query or token is ever logged, and of the path only the route, since a path may hold an id that opens
something.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from typing import Any

from flask import Flask, Response, g, request

from api.metrics import count_request
from api.request_id import request_id

logger = logging.getLogger("diyml.requests")

REQUEST_ID = "X-Request-ID"
UNKNOWN_ROUTE = "(none)"
_ID = re.compile(r"[\w.:-]{8,64}", re.ASCII)


def log_requests(app: Flask) -> None:
    """Give each request an id, or take that of the proxy in front, and log and count it once it is answered."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get(REQUEST_ID, "")
        g.request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)
        g.started = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        seconds = time.perf_counter() - g.started
        route = request.endpoint or UNKNOWN_ROUTE
        response.headers[REQUEST_ID] = g.request_id
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


class RequestIdFilter(logging.Filter):
    """Puts `request_id` on every record: that of the request at hand, or `-`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through."""
        record.request_id = request_id()
        return True
