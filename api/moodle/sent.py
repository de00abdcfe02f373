"""What a request brings: parameters from form and query, and a file on disk."""

from __future__ import annotations

from pathlib import Path

from flask import request

from api.moodle.backend import Backend
from moodle.ids import ModelIds
from moodle.stash import Payload
from utils import InvalidInput

_MOST_DIGITS = 18


def text(name: str) -> str:
    """A parameter.

    Raises:
        InvalidInput: it is missing.
    """
    value = request.values.get(name)
    if value is None or value == "":
        raise InvalidInput(f"{name} is missing: send it as a parameter")
    return value


def ids(owner: str, name: str = "dirhash") -> ModelIds:
    """The model that the request is about.

    Args:
        name: of the parameter that holds its folder.
    """
    return ModelIds(owner, text("uniqueid"), text(name))


def whole(name: str) -> int:
    """A whole number that is not negative.

    Raises:
        InvalidInput: it is none.
    """
    value = text(name)
    if not (value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS):
        raise InvalidInput(f"{name} must be a whole number, got {value[:50]!r}")
    return int(value)


def save(field: str, folder: Path) -> Path:
    """The file of a field, in a folder.

    Raises:
        InvalidInput: there is none.
    """
    file = request.files.get(field)
    if file is None:
        raise InvalidInput(f"{field} is missing: send it as a file of a multipart form")
    path = folder / field
    file.save(path)
    return path


def stash(backend: Backend, files: dict[str, Path]) -> None:
    """Keep the request when the operator wants that."""
    if backend.stash:
        parameters = {name: str(value) for name, value in request.values.items()}
        backend.stash.keep(Payload(request.method, request.path, parameters, files))
