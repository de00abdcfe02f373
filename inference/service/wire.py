"""What travels between a web process and the engine: a JSON object, then contents as they are: image files, rows.

Both ends are this project's own and of one version; the socket lies in a folder that only its user may enter.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from inference.answers import Answer, Damaged, ImagePredictions, Left, RowPredictions
from inference.protocol import Prediction
from utils import (
    DatabaseSilent,
    DomainError,
    InvalidInput,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unavailable,
)

MOST_HEADER_BYTES = 64 * 1024 * 1024
_KINDS = (DatabaseSilent, Damaged, Unavailable, InvalidInput, NotFound, TooLarge, TooManyRequests)
_BY_NAME = {kind.__name__: kind for kind in _KINDS}


@contextmanager
def address(socket: Path) -> Iterator[str]:
    """A short path to a socket; the system allows about a hundred bytes."""
    if sys.platform != "linux":
        yield str(socket)
        return
    handle = os.open(socket.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{handle}/{socket.name}"
    finally:
        os.close(handle)


def send(connection: Connection, header: dict[str, Any], contents: list[bytes]) -> None:
    """Send one message."""
    connection.send_bytes(json.dumps({**header, "contents": len(contents)}).encode())
    for content in contents:
        connection.send_bytes(content)


def receive(connection: Connection, most_bytes: int) -> tuple[dict[str, Any], list[bytes]]:
    """Wait for one message.

    Raises:
        EOFError: the other side is gone.
        OSError: likewise, or one content has more bytes than allowed.
    """
    header = json.loads(connection.recv_bytes(MOST_HEADER_BYTES))
    return header, [connection.recv_bytes(most_bytes) for _ in range(header.pop("contents"))]


def pack_answer(answer: Answer) -> tuple[dict[str, Any], list[bytes]]:
    """An answer as a message; pictures come in the order of their images, for all of these or for none.

    What was predicted for rows may be long, so each content of them is a file of its own.
    """
    images = [
        (image.width, image.height, [(p.box_px, p.class_name, p.confidence) for p in image.predictions])
        for image in answer.images
    ]
    files = [image.picture for image in answer.images if image.picture is not None]
    files += map(_pack_rows, answer.rows)
    left = answer.left and (answer.left.at_once, answer.left.a_minute, answer.left.seconds)
    return {"images": images, "rows": len(answer.rows), "seconds": answer.seconds, "left": left}, files


def unpack_answer(header: dict[str, Any], files: list[bytes]) -> Answer:
    """The answer that was packed."""
    left = header["left"] and Left(*header["left"])
    if header["rows"]:
        return Answer([], header["seconds"], left, [_unpack_rows(file) for file in files])
    images = []
    for number, (width, height, found) in enumerate(header["images"]):
        predictions = [Prediction(tuple(box), name, confidence) for box, name, confidence in found]
        images.append(ImagePredictions(width, height, predictions, files[number] if files else None))
    return Answer(images, header["seconds"], left)


def _pack_rows(rows: RowPredictions) -> bytes:
    picture = rows.picture and base64.b64encode(rows.picture).decode()
    return json.dumps([rows.predictions, rows.warnings, rows.state, rows.figure, picture]).encode()


def _unpack_rows(file: bytes) -> RowPredictions:
    predictions, warnings, state, figure, picture = json.loads(file)
    return RowPredictions(predictions, warnings, state, figure, picture and base64.b64decode(picture))


def pack_error(error: DomainError) -> dict[str, Any]:
    """An error as JSON."""
    kind = next(kind for kind in _KINDS if isinstance(error, kind))
    return {
        "kind": kind.__name__,
        "detail": error.detail,
        "errors": error.errors,
        "retry_after_seconds": error.retry_after_seconds,
    }


def unpack_error(packed: dict[str, Any]) -> DomainError:
    """The error that was packed."""
    kind = _BY_NAME[packed["kind"]]
    return kind(packed["detail"], packed["errors"], packed["retry_after_seconds"])
