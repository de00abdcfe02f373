"""One error shape for everything: RFC 9457 problem details, which also carry the classic contract's `Error`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Response, json
from flask_restful import Api
from werkzeug.exceptions import HTTPException

from utils import DomainError

logger = logging.getLogger(__name__)

STATUS_OF = {
    "invalid_input": HTTPStatus.BAD_REQUEST,
    "unauthenticated": HTTPStatus.UNAUTHORIZED,
    "forbidden": HTTPStatus.FORBIDDEN,
    "insufficient_scope": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "conflict": HTTPStatus.CONFLICT,
    "changed_meanwhile": HTTPStatus.PRECONDITION_FAILED,
    "key_reused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too_many_requests": HTTPStatus.TOO_MANY_REQUESTS,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}


class ProblemApi(Api):
    """Flask-RESTful's Api with our error shape, the same with and without debugging or testing."""

    def error_router(self, original_handler: Callable[..., Any], error: Exception) -> Response:
        """Every error is ours. Flask-RESTful would look at the URL again first, and fail when that was the error."""
        return self.handle_error(error)

    def handle_error(self, error: Exception) -> Response:
        """Turn any exception into a response."""
        if isinstance(error, DomainError):
            return domain_problem(error)
        if isinstance(error, HTTPException):
            return _http_problem(error)
        logger.error("a request failed", exc_info=error)
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong on our side; it has been logged")


def status_of(error: BaseException) -> int:
    """The status of the response that an exception becomes."""
    if isinstance(error, DomainError):
        return STATUS_OF[error.code]
    code = error.code if isinstance(error, HTTPException) else None
    return code or HTTPStatus.INTERNAL_SERVER_ERROR


def problem(status: int, detail: str, code: str = "", errors: list[dict[str, str]] | None = None) -> Response:
    """A problem-details response.

    Args:
        code: stable code of a domain error; empty for what HTTP itself defines.
        errors: one entry a bad field.
    """
    body: dict[str, Any] = {
        "type": f"urn:diyml:problem:{code}" if code else "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "errors": errors or [],
        "Error": detail,
    }
    return Response(json.dumps(body), status=int(status), mimetype="application/problem+json")


def domain_problem(error: DomainError) -> Response:
    """The response for a domain error."""
    response = problem(STATUS_OF[error.code], error.detail, error.code, error.errors)
    if error.retry_after_seconds:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    if error.code == "unauthenticated":
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.code == "insufficient_scope":
        response.headers["WWW-Authenticate"] = 'Bearer error="insufficient_scope"'
    return response


def _http_problem(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return error.get_response()  # type: ignore[return-value]  # a redirect is no error
    response = problem(error.code, error.description or HTTPStatus(error.code).phrase)
    for name, value in error.get_response().headers.items():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value  # such as Allow
    return response
