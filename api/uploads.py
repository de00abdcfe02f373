"""Files that come in a multipart form: however many, one at a time is held in memory."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import UnsupportedMediaType

from api.idempotency import sent_key

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


def sent_files() -> list[FileStorage]:
    """The files, in the order in which they came."""
    return [file for _, file in request.files.items(multi=True)]


def _digest(file: FileStorage) -> str:
    digest = hashlib.sha256()
    while piece := file.stream.read(_PIECE):
        digest.update(piece)
    file.stream.seek(0)
    return digest.hexdigest()
