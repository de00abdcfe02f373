"""Checks values against a schema, and says in words what is wrong with each."""

from __future__ import annotations

import json
import types
from collections.abc import Collection, Mapping
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from utils import InvalidInput

_MOST_SHOWN = 60
_BOUNDS = ("ge", "le", "multiple_of")
_RANGES = ("greater_than_equal", "less_than_equal", "multiple_of")
_LIMITS = {"ge": "minimum", "le": "maximum"}
_WORDS: dict[Any, str] = {int: "integer", float: "number", bool: "boolean", str: "string"}
S = TypeVar("S", bound=BaseModel)


def parse(schema: type[S], values: Mapping[str, Any], secret: Collection[str] = (), strict: bool = False) -> S:
    """Validate parameters.

    Args:
        secret: fields whose values no message shows.
        strict: a number must be a number, and no text that looks like one; for what came as JSON.

    Raises:
        InvalidInput: with one entry in `errors` for each bad field.
    """
    try:
        if not strict:
            return schema.model_validate(values)
        if getattr(schema, "LONG_TEXTS", False):  # which are not to be written and read once more
            return schema.model_validate(values, strict=True)
        return schema.model_validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        errors = [field_error(schema, dict(item), secret) for item in error.errors(include_url=False)]
    raise InvalidInput("; ".join(item["message"] for item in errors), errors)


def check_choice(what: str, chosen: str, parameters: Mapping[str, Any], known: Mapping[str, Any], auto: str) -> None:
    """See that a choice out of a registry is one of it, and that the parameters are its own.

    Args:
        what: the field that says it: `algorithm`.
        known: by name, each with its schema in `Params`.
        auto: the word for leaving it to the trainer, which takes no parameters then.

    Raises:
        ValueError: in words, for the validator of a schema.
    """
    if chosen == auto:
        if parameters:
            raise ValueError(f"parameters: `{auto}` chooses them by itself: leave them out, or say which {what}")
        return
    if chosen not in known:
        raise ValueError(f"{what} must be one of {', '.join([auto, *known])}, got '{chosen[:50]}'")
    schema = known[chosen].Params
    try:
        parse(schema, parameters)
    except InvalidInput as error:
        names = ", ".join(schema.model_fields)
        raise ValueError(f"parameters: {error.detail} ({chosen} knows {names})") from None


def field_error(schema: type[BaseModel], item: dict[str, Any], secret: Collection[str] = ()) -> dict[str, str]:
    """What pydantic says of one bad field, as `field` and `message`."""
    field = ".".join(str(part) for part in item["loc"]) or "body"
    if item["type"] == "missing":
        return {"field": field, "message": f"{field} is missing"}
    text = str(item["msg"]).removeprefix("Value error, ")
    text = f"{field}: {text[:1].lower()}{text[1:]}"
    if item["type"] in _RANGES and field in schema.model_fields:
        text = f"{field} must be {_range(schema.model_fields[field].metadata)}"
    if item["loc"] and item["loc"][0] not in secret and item["type"] != "value_error":
        text += f", got {_shown(item['input'])}"
    return {"field": field, "message": text}


def _range(metadata: list[Any]) -> str:
    """The bounds of a number: `1..1000`, `32..512 in steps of 16`, `at least 1`."""
    bounds = {name: getattr(item, name) for item in metadata for name in _BOUNDS if hasattr(item, name)}
    if "ge" in bounds and "le" in bounds:
        text = f"{bounds['ge']}..{bounds['le']}"
    else:
        text = f"at least {bounds['ge']}" if "ge" in bounds else f"at most {bounds.get('le')}"
    return f"{text} in steps of {bounds['multiple_of']}" if "multiple_of" in bounds else text


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "an array"
    text = ascii(value)
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "..."


def described(params: type[BaseModel]) -> list[dict[str, Any]]:
    """Each parameter with type, default, range, choices and meaning, for whoever chooses."""
    return [_parameter(*item) for item in params.model_fields.items()]


def _parameter(name: str, info: FieldInfo) -> dict[str, Any]:
    bounds: dict[str, Any] = {"minimum": None, "maximum": None}
    for constraint in info.metadata:
        bounds.update({word: getattr(constraint, key) for key, word in _LIMITS.items() if hasattr(constraint, key)})
    kinds, choices = _kinds(info.annotation)
    return {
        "name": name,
        "type": kinds,
        "default": info.default,
        **bounds,
        "choices": choices,
        "description": info.description or "",
    }


def _kinds(annotation: Any) -> tuple[str, list[str] | None]:
    """The type in a word, and what may be chosen when that is a few words."""
    if isinstance(annotation, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not types.NoneType)
    if get_origin(annotation) is not None:
        return "string", list(get_args(annotation))
    return _WORDS[annotation], None
