"""The algorithms in words, for whoever chooses one."""

from __future__ import annotations

import types
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from training.tabular.algorithms.registry import ALGORITHMS, AUTO

_BOUNDS = {"ge": "minimum", "le": "maximum"}
_WORDS: dict[Any, str] = {int: "integer", float: "number", bool: "boolean", str: "string"}


def describe() -> list[dict[str, Any]]:
    """Each algorithm with name, title, description, how many rows it takes, and its parameters."""
    auto: dict[str, Any] = {
        "name": AUTO,
        "title": "Chosen by cross-validation",
        "description": "Tries several of the others within `time_budget_seconds`, and takes the best.",
        "most_rows": None,
        "parameters": [],
    }
    return [auto, *(_algorithm(name) for name in ALGORITHMS)]


def _algorithm(name: str) -> dict[str, Any]:
    algorithm = ALGORITHMS[name]
    return {
        "name": name,
        "title": algorithm.TITLE,
        "description": algorithm.DESCRIPTION,
        "most_rows": algorithm.MOST_ROWS,
        "parameters": parameters_of(algorithm.Params),
    }


def parameters_of(params: type[BaseModel]) -> list[dict[str, Any]]:
    """Name, type, default, bounds, choices and meaning of each parameter."""
    return [_parameter(*item) for item in params.model_fields.items()]


def _parameter(name: str, info: FieldInfo) -> dict[str, Any]:
    bounds: dict[str, Any] = {"minimum": None, "maximum": None}
    for constraint in info.metadata:
        bounds.update({word: getattr(constraint, key) for key, word in _BOUNDS.items() if hasattr(constraint, key)})
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
