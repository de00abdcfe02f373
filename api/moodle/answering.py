"""Errors as Moodle shows them to an administrator: a status, and one sentence of plain text."""

from __future__ import annotations

import errno
import functools
import logging
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

from flask import Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from api.errors import STATUS_OF
from settings import SettingsError
from utils import DomainError

logger = logging.getLogger(__name__)
_MOST_DRAINED_BYTES = 64 * 1024 * 1024
_PIECE_BYTES = 64 * 1024
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def answered(method: str, call: Callable[[], Response]) -> Callable[[], Response]:
    """A view that answers one method by a call, and whatever goes wrong by words."""

    @functools.wraps(call, assigned=())
    def view() -> Response:
        try:
            if request.method not in (method, "HEAD" if method == "GET" else method):
                raise MethodNotAllowed([method], f"{request.path} takes {method}, not {request.method}")
            return call()
        except Exception as error:  # the one place where all that a route may meet becomes an answer
            _drain()
            return told(error)

    return view


def told(error: Exception) -> Response:
    """The answer that tells of an error."""
    if isinstance(error, DomainError):
        response = _text(STATUS_OF[error.code], error.detail)
        if error.code == "unauthenticated":
            response.headers["WWW-Authenticate"] = 'Basic realm="Moodle", charset="UTF-8"'
        if error.retry_after_seconds:
            response.headers["Retry-After"] = str(error.retry_after_seconds)
        return response
    if isinstance(error, RequestEntityTooLarge):
        most, parameter = request.max_content_length or 0, request.max_form_memory_size or 0
        allowed = f"the request may have {most:,} bytes (DIYML_MOODLE_REQUEST_BYTES), a parameter {parameter:,}"
        return _text(error.code, allowed)
    if isinstance(error, HTTPException) and error.code:
        response = _text(error.code, error.description or HTTPStatus(error.code).phrase)
        allow = dict(error.get_headers()).get("Allow")
        if allow:
            response.headers["Allow"] = allow
        return response
    if isinstance(error, SettingsError):
        return _text(HTTPStatus.SERVICE_UNAVAILABLE, f"The server is not set up right: {error}")
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return _text(HTTPStatus.SERVICE_UNAVAILABLE, f"The server has no room for this: {error.strerror}.")
    logger.error("a request of Moodle failed", exc_info=error)
    return _text(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong on our side; it has been logged.")


def _text(status: int, text: str) -> Response:
    return Response(text, status=int(status), mimetype="text/plain")


def _drain() -> None:
    """Read the rest of the body: a client that is still sending would see a broken connection, and not the answer."""
    left = _MOST_DRAINED_BYTES
    with suppress(Exception):  # there is nobody left who could be told
        while left > 0 and (piece := request.stream.read(_PIECE_BYTES)):
            left -= len(piece)
