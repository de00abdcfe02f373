"""YAML files of a source: text, lists and mappings, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

MOST_YAML_BYTES = 256 * 1024
_MOST_DEPTH = 16
# Written in C where the library was built so; which classes it would make does not matter, as only its events are used.
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def load_yaml(text: str) -> Any:
    """What a YAML text says, every scalar as text: a class named `no` or `1.0` is neither false nor a number.

    Aliases are refused, because a few lines of them unfold to more than any memory holds.

    Raises:
        ValueError: it is no YAML, has aliases, or is nested too deeply, in words that name the line.
    """
    try:
        events = (event for event in yaml.parse(text, _LOADER) if not isinstance(event, _FRAME))
        return _value(next(events, None), events, 0)
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"{where}this is no YAML that can be read: {problem or type(error).__name__}") from None


_FRAME = (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent)
_ENDS = (yaml.SequenceEndEvent, yaml.MappingEndEvent)


def _value(event: Any, events: Iterator[Any], depth: int) -> Any:
    if event is None or isinstance(event, yaml.ScalarEvent):
        return event.value if event else None
    line = event.start_mark.line + 1
    if isinstance(event, yaml.AliasEvent):
        raise ValueError(f"line {line}: aliases (*) are not read: write the values out")
    if depth == _MOST_DEPTH:
        raise ValueError(f"line {line}: nested deeper than {_MOST_DEPTH} levels")
    parts = []
    while not isinstance(part := next(events), _ENDS):
        parts.append(_value(part, events, depth + 1))
    if isinstance(event, yaml.SequenceStartEvent):
        return parts
    keys, values = parts[::2], parts[1::2]
    if not all(isinstance(key, str) for key in keys):
        raise ValueError(f"line {line}: the keys of a mapping must be texts")
    return dict(zip(keys, values, strict=True))
