"""Bytes of an archive as they come in: taken in pieces, so that what has arrived stays when the connection breaks."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from flask import request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from api.v1.tus import Checksum, ChecksumMismatch
from storage.import_record import Import, Piece
from storage.imports import Imports

logger = logging.getLogger(__name__)

PIECE_BYTES = 8 * 1024 * 1024
_READ_BYTES = 64 * 1024
_MOST_CHECKED_BYTES = 64 * 1024 * 1024


def receive(imports: Imports, record: Import, offset: int, checksum: Checksum) -> Import:
    """Append the body of this request to an upload; gives the import as it is then.

    Each piece counts once it is stored. With a checksum they count together, once it is found right.

    Raises:
        Conflict: the upload is not at this offset, or another call was faster; the bytes are dropped.
        RequestEntityTooLarge: the body is longer than what is missing, or too long for a checksum.
        ChecksumMismatch: other bytes came than were sent.
    """
    if offset != record.offset or record.state.ended or not _left(record):
        raise imports.misplaced(record, offset)
    most = min(_left(record), _MOST_CHECKED_BYTES) if checksum.is_given else _left(record)
    if (request.content_length or 0) > most:
        raise RequestEntityTooLarge(f"the body has {request.content_length:,} bytes, and {most:,} are taken")
    waiting: list[Piece] = []
    for content in _pieces(most):
        checksum.update(content)
        waiting.append(imports.put_piece(record.offset + sum(piece.size for piece in waiting), content))
        if not checksum.is_given:
            record, waiting = imports.append(record, waiting), []
    if waiting:
        record = _append_checked(imports, record, waiting, checksum)
    return record


def _append_checked(imports: Imports, record: Import, pieces: list[Piece], checksum: Checksum) -> Import:
    try:
        checksum.check()
    except ChecksumMismatch:
        imports.drop(pieces)
        raise
    return imports.append(record, pieces)


def _left(record: Import) -> int:
    return record.size - record.offset


def _pieces(most: int) -> Iterator[bytes]:
    """The body in pieces; what had arrived when the connection broke, as well."""
    buffer = bytearray()
    request.max_content_length = None  # the bound of other requests is not meant for this
    stream = request.stream
    left = most
    while left:
        content = _read(stream, min(left, _READ_BYTES))
        if not content:
            break
        buffer += content
        left -= len(content)
        if len(buffer) >= PIECE_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


def _read(stream: Any, size: int) -> bytes:
    """The next bytes; none at the end, and none when the connection is broken."""
    try:
        return stream.read(size)
    except (OSError, HTTPException) as error:
        logger.info("an upload broke off: %s", error)
        return b""
