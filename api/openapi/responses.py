"""The answers of each operation: its own, and the refusals that every call of its kind may get."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from api.openapi.schemas import Schemas

if TYPE_CHECKING:
    from api.openapi.document import Described

_ABOUT = {
    400: "A parameter is missing, malformed or out of its range; `errors` names each.",
    401: "No token, or one that is unknown, revoked or expired.",
    403: "The token is not for this, or the caller's role in the project is too low.",
    404: "There is no such thing, or none that the caller may know of.",
    405: "The path has no such method.",
    409: "The state of things does not allow it, or the same call is still under way.",
    410: "It was there, and is not any more.",
    412: "It has been changed since the caller read it.",
    413: "More than is allowed.",
    415: "The body is of a kind that is not read here.",
    416: "The part that is asked for lies outside.",
    422: "The idempotency key came with another call.",
    429: "Too many calls: come back after `Retry-After` seconds.",
    503: "A part of the platform does not answer or is full: come back after `Retry-After` seconds.",
}
_WITH_RETRY = (429, 503)
SCHEMAS: dict[str, Any] = {
    "Problem": {
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "required": ["type", "title", "status", "detail", "errors"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "message"],
                    "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                },
            },
            "Error": {"type": "string", "description": "The same as `detail`."},
        },
    }
}
HEADERS: dict[str, Any] = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}},
}


def components() -> dict[str, Any]:
    """One response a status, for operations to refer to."""
    return {f"Problem{status}": _problem(status) for status in _ABOUT}


def of(item: Described, schemas: Schemas) -> dict[str, Any]:
    """Every status that a method may answer with, each with its content."""
    operation = item.operation
    statuses = sorted({*_common(item), *(status for status in operation.errors if status >= 400)})
    refusals = {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in statuses}
    others = {str(status): {"description": HTTPStatus(status).phrase} for status in operation.errors if status < 400}
    return {str(operation.status): _success(item, schemas), **others, **refusals}


def _success(item: Described, schemas: Schemas) -> dict[str, Any]:
    operation = item.operation
    shown: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    if operation.gives is not None:
        shown["content"] = schemas.answer(operation.gives)
    if operation.headers:
        shown["headers"] = {
            name: {"description": about, "schema": {"type": "string"}} for name, about in operation.headers.items()
        }
    return shown


def _common(item: Described) -> set[int]:
    found = {400, 503}
    if not item.access.is_public:
        found |= {401, 403}
    if item.path_parameters:
        found.add(404)
    if not item.reads:
        found |= {413, 415}
        if not item.access.is_public:
            found |= {409, 422}  # of the idempotency key
    if item.route.resource.KIND:
        found.add(409)  # of a project that holds something else
    return found


def _problem(status: int) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "description": _ABOUT[status],
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    names = [*(["Retry-After"] if status in _WITH_RETRY else []), *(["WWW-Authenticate"] if status == 401 else [])]
    if names:
        shown["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return shown
