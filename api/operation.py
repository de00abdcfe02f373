"""What a method takes and gives, said once: it validates requests, shapes answers, and makes the OpenAPI document."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class Request(BaseModel):
    """A request with no parameters but the token, which may come among them. What a schema does not name is refused."""

    model_config = ConfigDict(extra="forbid")

    api_token: Any = None


class Shown(BaseModel):
    """The base of what answers hold."""

    model_config = ConfigDict(from_attributes=True)


class Page(Shown, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last one.")] = (
        None
    )


@dataclass(frozen=True)
class Content:
    """An answer, or a request, that is no JSON.

    Attributes:
        media_type: such as `application/zip`.
        others: what it may be as well, as the caller wishes.
    """

    media_type: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One method of one resource.

    Attributes:
        takes: schema of the parameters: of the query on GET and DELETE, else of the body.
        query: schema of what else comes in the query, beside a body.
        gives: schema of the answer, or its content type; None for an empty one.
        status: of success.
        errors: statuses of refusals that are its own; those that every call of its kind may get are added by the
            OpenAPI document (400, 401, 403 and 404 where the path names a project, 413, 415, 429, 503).
        body: content types of the body beside JSON and forms, such as `image/jpeg`.
        files: names of the files that a multipart form may bring.
        headers: of the answer, each with a sentence.
    """

    takes: type[BaseModel] = Request
    gives: Any = None
    status: int = 200
    errors: tuple[int, ...] = ()
    body: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    query: type[BaseModel] | None = None


def operation(
    takes: type[BaseModel] = Request,
    gives: Any = None,
    status: int = 200,
    errors: tuple[int, ...] = (),
    body: tuple[str, ...] = (),
    files: tuple[str, ...] = (),
    headers: dict[str, str] | None = None,
    query: type[BaseModel] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a method of a resource; see `Operation`.

    The method gets the validated parameters first, unless it takes none; then what is left of the path. It gives an
    instance of `gives` (or what validates as one), alone or with headers, or a finished response.
    """
    declared = Operation(takes, gives, status, errors, body, files, headers or {}, query)

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(self: Any, **path: Any) -> Any:
            given = self.parse(takes, strict=True)
            result = method(self, **path) if takes is Request else method(self, given, **path)
            return _answer(result, declared)

        call.operation = declared  # type: ignore[attr-defined]  # functions carry what is put on them
        return call

    return decorate


def _answer(result: Any, declared: Operation) -> Any:
    """What Flask-RESTful makes a response of."""
    content, headers = result if isinstance(result, tuple) else (result, {})
    if content is None:
        return "", declared.status, headers
    if isinstance(content, (BaseModel, dict, list)):
        return _plain(content), declared.status, headers
    return content


def _plain(content: Any) -> Any:
    return content.model_dump(mode="json", by_alias=True) if isinstance(content, BaseModel) else content
