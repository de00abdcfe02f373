"""Makes the OpenAPI 3.1 document of `/api/v1` from the route table: nothing in it is written twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from api.access import Access
from api.openapi import responses
from api.openapi.schemas import Schemas
from api.operation import Content, Operation
from utils import VERSION

if TYPE_CHECKING:
    from api.routes import Route

PREFIX = "/api/v1"
_BEARER = "token"
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_ABOUT = """\
Everything that the platform can do, by token. Send it as `Authorization: Bearer …`.

Errors are problem details (RFC 9457). Every answer has an `X-Request-ID`. Lists hold `items` and `next`, the cursor
of the next page. A call that changes something may carry an `Idempotency-Key`: made again within a day, it has one
effect and gives its first answer. Parameters of a body may also come as form fields.
"""


class Described(NamedTuple):
    """One method of one route, with what it declares."""

    route: Route
    method: str
    access: Access
    operation: Operation
    about: str

    @property
    def path(self) -> str:
        """The path, with parameters as OpenAPI writes them."""
        return _PARAMETER.sub(r"{\1}", self.route.path)

    @property
    def path_parameters(self) -> list[str]:
        """Names of what the path names."""
        return _PARAMETER.findall(self.route.path)

    @property
    def id(self) -> str:
        """Unique among all: the resource's name and the method."""
        return f"{self.route.resource.__name__}_{self.method.lower()}"

    @property
    def tag(self) -> str:
        """The noun that the path is about, such as `images`."""
        parts = [part for part in self.route.path.removeprefix(PREFIX).split("/") if part and not part.startswith("<")]
        return parts[1] if len(parts) > 1 and parts[0] == "projects" else parts[0]

    @property
    def reads(self) -> bool:
        """Whether it changes nothing, as its method says."""
        return self.method == "GET"


def described(routes: Iterable[Route]) -> Iterator[Described]:
    """Every method below `/api/v1`.

    Raises:
        TypeError: one does not declare what it takes and gives.
    """
    for route in routes:
        if not route.path.startswith(PREFIX):
            continue
        for method, access in route.access.items():
            function = getattr(route.resource, method.lower())
            declared = getattr(function, "operation", None)
            if declared is None:
                raise TypeError(f"{method} {route.path} does not declare what it takes and gives: use api.operation")
            yield Described(route, method, access, declared, function.__doc__ or "")


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The OpenAPI document."""
    all_described = list(described(routes))
    schemas = Schemas(item.operation for item in all_described)
    paths: dict[str, dict[str, Any]] = {}
    for item in all_described:
        paths.setdefault(item.path, {})[item.method.lower()] = _operation(item, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "DIYML", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(item.tag for item in all_described)],
        "paths": paths,
        "components": {
            "securitySchemes": {_BEARER: {"type": "http", "scheme": "bearer"}},
            "schemas": {**schemas.definitions, **responses.SCHEMAS},
            "responses": responses.components(),
            "headers": responses.HEADERS,
        },
    }


def _operation(item: Described, schemas: Schemas) -> dict[str, Any]:
    title, _, rest = item.about.strip().partition("\n")
    parameters = [_path_parameter(name) for name in item.path_parameters] + _headers(item)
    shown: dict[str, Any] = {
        "operationId": item.id,
        "tags": [item.tag],
        "summary": title.rstrip("."),
        "description": "\n\n".join(part for part in (rest.split("Raises:")[0].strip(), _who(item.access)) if part),
        "security": [{_BEARER: [item.access.scope.value]}] if item.access.scope else [],
        "responses": responses.of(item, schemas),
    }
    if item.method in ("GET", "DELETE"):
        parameters += schemas.query(item.operation.takes)
    elif body := _body(item, schemas):
        shown["requestBody"] = body
    if item.operation.query is not None:
        parameters += schemas.query(item.operation.query)
    return {**shown, "parameters": parameters} if parameters else shown


def _who(access: Access) -> str:
    if access.is_public or access.scope is None:
        return "Needs no token."
    role = f", from somebody who is at least {access.role.value} in the project" if access.role else ""
    return f"Needs a token for `{access.scope.value}`{role}."


def _path_parameter(name: str) -> dict[str, Any]:
    about = {"project": "Id or name of the project.", "image": "Id or name of the image."}.get(name, "")
    found: dict[str, Any] = {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return {**found, "description": about} if about else found


def _headers(item: Described) -> list[dict[str, Any]]:
    found = []
    if not item.reads and not item.access.is_public:
        found.append(_header("Idempotency-Key", "Names the call, so that it can be made again.", r"^[ -~]{1,255}$"))
    if 412 in item.operation.errors:
        found.append(_header("If-Match", "The ETag of what was read; else 412.", r'^("[0-9]{1,18}"|\*)$'))
    return found


def _header(name: str, about: str, pattern: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": about, "schema": {"type": "string", "pattern": pattern}}


def _body(item: Described, schemas: Schemas) -> dict[str, Any] | None:
    operation = item.operation
    content: dict[str, Any] = {}
    if schemas.has_fields(operation.takes):
        content["application/json"] = {"schema": schemas.reference(operation.takes)}
    if operation.files:
        content["multipart/form-data"] = {"schema": schemas.form(operation.takes, operation.files)}
    for media_type in operation.body:
        content[media_type] = {"schema": {"type": "string", "contentMediaType": media_type}}
    required = bool(operation.body or operation.files) or schemas.has_required(operation.takes)
    return {"content": content, "required": required} if content else None


__all__ = ["PREFIX", "Content", "Described", "described", "document"]
