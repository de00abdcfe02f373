"""HTTP/1.1 over a socket that never blocks: one request at a time, no more of the answer read than must be."""

from __future__ import annotations

import select
import socket
from dataclasses import dataclass

from benchmarks.serving.plan import UNANSWERED

_READ_BYTES = 1 << 18
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    """One answer; `retry_after_seconds` is what the server asked for, or 0."""

    status: int
    body: bytes = b""
    retry_after_seconds: float = 0.0


BROKEN = Answer(UNANSWERED)


class Connection:
    """To one server; opened when first used, and again when the server has closed it."""

    def __init__(self, address: tuple[str, int], poll: select.epoll, connections: dict[int, Connection]):
        self._address = address
        self._poll = poll
        self._connections = connections
        self._socket: socket.socket | None = None
        self._request = b""
        self._left = memoryview(b"")
        self._received = bytearray()
        self._head: _Head | None = None
        self._answers = 0
        self.reconnected = 0

    def send(self, request: bytes) -> None:
        """Begin a request; `handle` gives its answer when it has come."""
        self._request = request
        self._begin()

    def _begin(self) -> None:
        self._left = memoryview(self._request)
        self._received.clear()
        self._head = None
        if self._socket is None:
            self._open()
        else:
            self._flush()

    def _open(self) -> None:
        self._answers = 0
        opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = opened
        self._connections[opened.fileno()] = self
        self._poll.register(opened, select.EPOLLIN | select.EPOLLOUT)
        # What goes wrong with it shows in the next poll.
        opened.connect_ex(self._address)

    def close(self) -> None:
        """Close it, whatever it is doing."""
        if self._socket is not None:
            del self._connections[self._socket.fileno()]
            self._poll.unregister(self._socket)
            self._socket.close()
            self._socket = None

    def _flush(self) -> None:
        assert self._socket is not None
        try:
            while self._left:
                self._left = self._left[self._socket.send(self._left) :]
        except BlockingIOError:
            self._poll.modify(self._socket, select.EPOLLIN | select.EPOLLOUT)
        except OSError:
            # The server has closed its side; what it said before that is still there to be read.
            self._left = memoryview(b"")

    def handle(self, events: int) -> Answer | None:
        """Go on after the poll has found something; gives the answer when it is complete."""
        assert self._socket is not None
        if events & select.EPOLLOUT and not events & (select.EPOLLERR | select.EPOLLHUP):
            self._poll.modify(self._socket, select.EPOLLIN)
            self._flush()
        if not events & ~select.EPOLLOUT:
            return None
        try:
            piece = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            piece = b""
        if not self._request:  # idle: the server closes a connection that it has kept long enough
            self.close()
            return None
        return self._add(piece) if piece else self._ended()

    def _add(self, piece: bytes) -> Answer | None:
        self._received += piece
        if self._head is None:
            end = self._received.find(_HEAD_END)
            if end < 0:
                return None
            self._head = _Head.read(bytes(self._received[:end]), end + len(_HEAD_END))
        if self._head.length is None or len(self._received) < self._head.body_at + self._head.length:
            return None
        return self._complete()

    def _ended(self) -> Answer | None:
        """The server has closed the connection."""
        idle, nothing = self._answers > 0, not self._received
        if self._head is not None and self._head.length is None:
            return self._complete()
        self.close()
        if idle and nothing:
            # It closed the kept connection in the moment in which it was used again, so it has seen no request.
            self.reconnected += 1
            self._begin()
            return None
        self._request = b""
        return BROKEN

    def _complete(self) -> Answer:
        assert self._head is not None
        answer = Answer(self._head.status, bytes(self._received[self._head.body_at :]), self._head.retry_after_seconds)
        self._request = b""
        self._answers += 1
        if self._head.closes or self._left:
            self.close()
        return answer


@dataclass(frozen=True)
class _Head:
    """Of an answer; without a `length` the answer ends with the connection."""

    status: int
    body_at: int
    length: int | None
    closes: bool
    retry_after_seconds: float

    @classmethod
    def read(cls, head: bytes, body_at: int) -> _Head:
        first, *lines = head.lower().split(b"\r\n")
        fields = dict(line.split(b":", 1) for line in lines if b":" in line)
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            raise ValueError("an answer in chunks, which this client does not read")
        length = int(fields[b"content-length"]) if b"content-length" in fields else None
        closes = length is None or b"close" in fields.get(b"connection", b"") or first.startswith(b"http/1.0")
        retry_after_seconds = float(fields.get(b"retry-after", b"0"))
        return cls(int(first[9:12]), body_at, length, closes, retry_after_seconds)
