"""Uploads over slow connections: the body goes out piece by piece, when the test says so."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import struct
import threading
from dataclasses import dataclass, field

from tests.conftest import encoded
from tests.faults.conftest import Platform

PIECE_BYTES = 256 * 1024


def bitmap(size: int, seed: int) -> bytes:
    """A BMP file of about `size` bytes, made in no time; each seed gives another."""
    width = 4096
    height = size // (3 * width)
    header = struct.pack("<2sIHHI", b"BM", 54 + 3 * width * height, 0, 0, 54)
    header += struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 3 * width * height, 2835, 2835, 0, 0)
    return header + struct.pack("<I", seed) * (3 * width * height // 4)


@dataclass
class SlowUpload:
    """One upload of an image; `status` is that of the answer, 0 when the connection broke.

    Attributes:
        sha256: of the image.
    """

    platform: Platform
    name: str
    content: bytes
    status: int = 0
    detail: str = ""
    sha256: str = ""
    _connection: socket.socket | None = field(default=None, repr=False)
    _left: memoryview = field(default=memoryview(b""), repr=False)

    def connect(self) -> None:
        """Send the head and the first piece of the body."""
        self.sha256 = hashlib.sha256(self.content).hexdigest()
        body = json.dumps(
            {
                "api_token": self.platform.token,
                "project_name": "shades",
                "data_point_name": self.name,
                "label_data": "dark",
                "image_data": encoded(self.content),
            }
        ).encode()
        self.content = b""
        head = f"PUT /upload/data_point HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        head += "Content-Type: application/json\r\nConnection: close\r\n\r\n"
        self._connection = socket.create_connection(("127.0.0.1", self.platform.port), 30)
        self._connection.settimeout(120)
        first = min(PIECE_BYTES, len(body) // 2)
        self._connection.sendall(head.encode() + body[:first])
        self._left = memoryview(body)[first:]

    def finish(self, seconds: float, pause: threading.Event) -> None:
        """Send the rest over about so many seconds and read the answer.

        Args:
            pause: waited on between two pieces; one that is set makes haste.
        """
        assert self._connection is not None
        pieces = max(2, min(200, len(self._left) // PIECE_BYTES))
        size = -(-len(self._left) // pieces)
        try:
            for start in range(0, len(self._left), size):
                pause.wait(seconds / pieces)
                self._connection.sendall(self._left[start : start + size])
            answer = http.client.HTTPResponse(self._connection)
            answer.begin()
            self.status, self.detail = answer.status, answer.read().decode()[:200]
        except (OSError, http.client.HTTPException) as error:
            self.detail = repr(error)
        finally:
            self._left = memoryview(b"")
            self._connection.close()

    def run(self, seconds: float, pause: threading.Event) -> None:
        """Connect and finish."""
        try:
            self.connect()
        except OSError as error:
            self.detail = repr(error)
            return
        self.finish(seconds, pause)
