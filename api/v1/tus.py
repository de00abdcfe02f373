"""The tus protocol, version 1.0.0: resumable uploads over HTTP (https://tus.io/protocols/resumable-upload)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import Response, after_this_request, json, request
from werkzeug.exceptions import PreconditionFailed
from werkzeug.http import http_date

from api.errors import problem
from storage.import_record import Import
from utils import InvalidInput

VERSION = "1.0.0"
RESUMABLE, OFFSET, LENGTH, METADATA = "Tus-Resumable", "Upload-Offset", "Upload-Length", "Upload-Metadata"
CHECKSUM, EXPIRES = "Upload-Checksum", "Upload-Expires"
EXTENSIONS = "creation,termination,expiration,checksum"
ALGORITHMS = ("sha1", "sha256", "md5")
BODY = "application/offset+octet-stream"
EXPOSED = [
    RESUMABLE, OFFSET, LENGTH, METADATA, EXPIRES, "Tus-Version", "Tus-Extension", "Tus-Max-Size",
    "Tus-Checksum-Algorithm",
]  # fmt: skip
_MISMATCH = 460
_MOST_METADATA_CHARACTERS = 100_000


class ChecksumMismatch(Exception):
    """The bytes that came are others than were sent."""


def checksum_mismatch() -> Response:
    """The refusal of such bytes: a problem as all others, with a status that only tus knows."""
    detail = "the checksum of the bytes that came is another one: none of them is kept, send them again"
    response = problem(HTTPStatus.BAD_REQUEST, detail)
    response.data = json.dumps({**json.loads(response.data), "title": "Checksum Mismatch", "status": _MISMATCH})
    response.status = f"{_MISMATCH} Checksum Mismatch"
    return response


def is_spoken() -> bool:
    """Whether this call is one of tus."""
    return RESUMABLE in request.headers


def speak() -> None:
    """Let the answer say that this is tus, and see that the caller speaks a version that we do.

    Raises:
        PreconditionFailed: it does not.
    """

    @after_this_request
    def mark(response: Response) -> Response:
        response.headers[RESUMABLE] = VERSION
        if response.status_code == HTTPStatus.PRECONDITION_FAILED:
            response.headers["Tus-Version"] = VERSION
        return response

    if is_spoken() and request.headers[RESUMABLE] != VERSION:
        raise PreconditionFailed(f"{RESUMABLE} must be {VERSION}, got {request.headers[RESUMABLE][:50]}")


def discovery(max_bytes: int) -> dict[str, str]:
    """What we can do, for whoever asks."""
    return {
        RESUMABLE: VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(max_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }


def state(record: Import) -> dict[str, str]:
    """How far an upload is."""
    headers = {OFFSET: str(record.offset), LENGTH: str(record.size), "Cache-Control": "no-store"}
    return {**headers, **expiry(record.expires_at)}


def expiry(moment: datetime | None) -> dict[str, str]:
    """When an unfinished upload is given up."""
    return {EXPIRES: http_date(moment)} if moment else {}


def number(header: str) -> int:
    """A count of bytes in a header.

    Raises:
        InvalidInput: it is missing, or none.
    """
    text = request.headers.get(header, "")
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidInput(f"the header {header} must be a number of bytes, got '{text[:50]}'")
    return int(text)


def creation() -> dict[str, Any]:
    """The parameters of a creation, out of its headers.

    `Upload-Metadata` holds `filename` and the options as text, `class_map` as JSON.

    Raises:
        InvalidInput: they cannot be read.
    """
    values: dict[str, Any] = {"size": number(LENGTH)}
    text = request.headers.get(METADATA, "")
    if len(text) > _MOST_METADATA_CHARACTERS:
        raise InvalidInput(f"{METADATA} has {len(text):,} characters, allowed are {_MOST_METADATA_CHARACTERS:,}")
    for pair in filter(None, text.split(",")):
        name, _, encoded = pair.strip().partition(" ")
        values[name] = _value(name, encoded)
    # Uploaders for browsers send these by themselves.
    values.setdefault("filename", values.pop("name", ""))
    for unasked in ("filetype", "type", "relativePath", "name", "contentType"):
        values.pop(unasked, None)
    return values


def _value(name: str, encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidInput(f"{METADATA}: the value of '{name[:50]}' must be UTF-8 text in base64") from None


class Checksum:
    """What `Upload-Checksum` says of the bytes that come; says nothing without that header."""

    def __init__(self) -> None:
        text = request.headers.get(CHECKSUM)
        self.is_given = text is not None
        if text is None:
            return
        name, _, encoded = text.partition(" ")
        if name not in ALGORITHMS:
            raise InvalidInput(f"{CHECKSUM} must be by {', '.join(ALGORITHMS)}, got '{name[:50]}'")
        try:
            self._wanted = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise InvalidInput(f"{CHECKSUM}: the checksum must be in base64") from None
        self._digest = hashlib.new(name, usedforsecurity=False)

    def update(self, piece: bytes) -> None:
        """Take in bytes."""
        if self.is_given:
            self._digest.update(piece)

    def check(self) -> None:
        """See that they are those that were sent.

        Raises:
            ChecksumMismatch: they are not.
        """
        if self.is_given and self._digest.digest() != self._wanted:
            raise ChecksumMismatch
