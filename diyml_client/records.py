"""From JSON to dataclasses: what the client knows is typed, what a newer server adds stays in `raw`."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(kw_only=True)
class Record:
    """The base of what the server answers with; `raw` is the answer as it came."""

    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


def read(kind: type[T], data: Mapping[str, Any], **more: Any) -> T:
    """Make a record of JSON.

    Args:
        kind: a dataclass all of whose fields have defaults, but for those in `more`. A field whose name is no JSON key
            has the key in its metadata: `field(metadata={"key": "class"})`.
        more: fields that are not in the JSON.
    """
    hints = _hints(kind)  # type: ignore[arg-type]  # a class has a hash, whatever its instances have
    values = dict(more)
    for item in dataclasses.fields(kind):  # type: ignore[arg-type]  # every kind is a dataclass
        key = item.metadata.get("key", item.name)
        if item.init and key in data and item.name not in values:
            values[item.name] = _converted(hints[item.name], data[key])
    if "raw" in hints:
        values["raw"] = dict(data)
    return kind(**values)


@functools.cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _converted(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _converted(next(one for one in arguments if one is not type(None)), value)
    if origin is list and isinstance(value, list):
        return [_converted(arguments[0], item) for item in value]
    if hint is datetime:
        return moment(value)
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return read(typing.cast("type[Any]", hint), value)
    return value


def moment(text: str) -> datetime:
    """A time of the API; Python 3.10 does not know that `Z` is UTC."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
