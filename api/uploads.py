"""Files that come in a multipart form: however many, one at a time is held in memory."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import UnsupportedMediaType

from api.idempotency import sent_key
from api.parameters import body

BODY = "body"
_PIECE = 1024 * 1024


def form_fields(files_field: str) -> dict[str, Any]:
    """The fields of a form; where the call may be repeated, with the hashes of its files, which make it the same call.

    The form is read as it comes and larger files lie on disk meanwhile.

    Raises:
        UnsupportedMediaType: it is no multipart form.
    """
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType(
            f"the body must be multipart/form-data with files, got '{request.mimetype or 'no content type'}'"
        )
    fields: dict[str, Any] = request.form.to_dict()
    if sent_key() is not None:
        fields[files_field] = [[file.filename, _digest(file)] for file in sent_files()]
    return fields


def body_fields() -> dict[str, Any]:
    """The query of a call whose body is a file; where it may be repeated, with the hash of that."""
    hashed = {} if sent_key() is None else {BODY: hashlib.sha256(body()).hexdigest()}
    return {**request.args.to_dict(), **hashed}


def sent_body(media_types: tuple[str, ...]) -> bytes:
    """The file that is the body.

    Raises:
        UnsupportedMediaType: it is of none of these types.
        RequestEntityTooLarge: it is longer than allowed.
    """
    if request.mimetype not in media_types:
        raise UnsupportedMediaType(
            f"the body must be a file of {', '.join(media_types)}, got '{request.mimetype or 'no content type'}'"
        )
    return body()


def sent_files() -> list[FileStorage]:
    """The files, in the order in which they came."""
    return [file for _, file in request.files.items(multi=True)]


def _digest(file: FileStorage) -> str:
    digest = hashlib.sha256()
    while piece := file.stream.read(_PIECE):
        digest.update(piece)
    file.stream.seek(0)
    return digest.hexdigest()
