"""Request parameters, wherever they come, as one validated schema."""

from __future__ import annotations

import json
from typing import Any, NoReturn, TypeVar

from flask import request
from pydantic import BaseModel
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

import training.parameters
from utils import InvalidInput

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_SECRET = {"password", "old_password", "new_password", "api_token", "image_data"}
S = TypeVar("S", bound=BaseModel)


def parameters() -> dict[str, Any]:
    """Everything the client sent: the query on GET, else the JSON object or the form; on DELETE both.

    Raises:
        InvalidInput: the body is no JSON object.
        UnsupportedMediaType: it is neither JSON nor a form.
        RequestEntityTooLarge: it is longer than allowed.
    """
    if request.method in ("GET", "HEAD"):
        return request.args.to_dict()
    return {**(request.args.to_dict() if request.method == "DELETE" else {}), **_sent()}


def _sent() -> dict[str, Any]:
    content = body()
    if not content.strip():
        return {}
    if request.is_json:
        return _json_object(content)
    if request.mimetype in _FORMS:
        return request.form.to_dict()
    raise UnsupportedMediaType(
        f"the body must be application/json or a form, got '{request.mimetype or 'no content type'}'"
    )


def parse(schema: type[S], values: dict[str, Any], strict: bool = False) -> S:
    """Validate parameters; `strict` for JSON in `/api/v1`, where a number must not come as text.

    Raises:
        InvalidInput: with one entry in `errors` for each bad field.
    """
    return training.parameters.parse(schema, values, secret=_SECRET, strict=strict)


def body() -> bytes:
    """The body of this request.

    Raises:
        RequestEntityTooLarge: it is longer than allowed.
    """
    content, limit = request.get_data(cache=True), request.max_content_length
    # Of a body sent in chunks, whose length nobody knows before, Werkzeug gives the first `limit` bytes and no error.
    if request.content_length is None and limit is not None and len(content) >= limit:
        raise RequestEntityTooLarge
    return content


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the body is not valid JSON: {str(error)[:200]}") from None
    if not isinstance(value, dict):
        raise InvalidInput(f"the body must be a JSON object, got {_json_type(value)}")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _json_type(value: Any) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
