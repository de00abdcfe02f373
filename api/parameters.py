"""Request parameters, wherever they come, as one validated schema."""

from __future__ import annotations

import json
from typing import Any, NoReturn, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from utils import InvalidInput

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_SECRET = {"password", "api_token", "image_data"}
_MOST_SHOWN = 60
S = TypeVar("S", bound=BaseModel)


def parameters() -> dict[str, Any]:
    """Everything the client sent: the query on GET, else the JSON object or the form.

    Raises:
        InvalidInput: the body is no JSON object.
        UnsupportedMediaType: it is neither JSON nor a form.
        RequestEntityTooLarge: it is longer than allowed.
    """
    if request.method in ("GET", "HEAD"):
        return request.args.to_dict()
    body = _body()
    if not body.strip():
        return {}
    if request.is_json:
        return _json_object(body)
    if request.mimetype in _FORMS:
        return request.form.to_dict()
    raise UnsupportedMediaType(
        f"the body must be application/json or a form, got '{request.mimetype or 'no content type'}'"
    )


def parse(schema: type[S], values: dict[str, Any]) -> S:
    """Validate parameters.

    Raises:
        InvalidInput: with one entry in `errors` for each bad field.
    """
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        errors = [_field_error(dict(item)) for item in error.errors(include_url=False)]
    raise InvalidInput("; ".join(item["message"] for item in errors), errors)


def _body() -> bytes:
    body, limit = request.get_data(cache=True), request.max_content_length
    # Of a body sent in chunks, whose length nobody knows before, Werkzeug gives the first `limit` bytes and no error.
    if request.content_length is None and limit is not None and len(body) >= limit:
        raise RequestEntityTooLarge
    return body


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


def _field_error(item: dict[str, Any]) -> dict[str, str]:
    field = ".".join(str(part) for part in item["loc"]) or "body"
    if item["type"] == "missing":
        return {"field": field, "message": f"{field} is missing"}
    text = str(item["msg"]).removeprefix("Value error, ")
    text = f"{field}: {text[:1].lower()}{text[1:]}"
    if item["loc"] and item["loc"][0] not in _SECRET and item["type"] != "value_error":
        text += f", got {_shown(item['input'])}"
    return {"field": field, "message": text}


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "an array"
    text = ascii(value)
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "..."
