"""A bad connection: passes bytes on between a client and a server, and breaks when it is told to."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

_PIECE = 16 * 1024
_WAIT_SECONDS = 10.0


class BadConnection:
    """Listens on an address of its own; `url` leads through it."""

    def __init__(self, url: str):
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        self._answers_to_lose = 0
        self._bytes_to_lose_at: int | None = None
        self._answer_bytes_to_lose_at: int | None = None
        self._lock = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def lose_answers(self, count: int) -> None:
        """Pass the next requests on, and break the connection when their answers come."""
        self._answers_to_lose = count

    def break_request_after(self, size: int) -> None:
        """Break the connection once, when so many bytes of requests have passed."""
        self._bytes_to_lose_at = size

    def break_answer_after(self, size: int) -> None:
        """Break the connection once, when so many bytes of answers have passed."""
        self._answer_bytes_to_lose_at = size

    def __enter__(self) -> BadConnection:
        """Use it in a `with`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                self.connections += 1
                there = socket.create_connection(self._target, _WAIT_SECONDS)
                there.settimeout(None)
                for run in (self._requests, self._answers):
                    threading.Thread(target=run, args=(here, there), daemon=True).start()

    def _requests(self, here: socket.socket, there: socket.socket) -> None:
        self._pass(here, there, self._request_breaks)

    def _answers(self, here: socket.socket, there: socket.socket) -> None:
        self._pass(there, here, self._answer_breaks)

    def _request_breaks(self, size: int) -> bool:
        with self._lock:
            if self._bytes_to_lose_at is None:
                return False
            self._bytes_to_lose_at -= size
            if self._bytes_to_lose_at > 0:
                return False
            self._bytes_to_lose_at = None
            return True

    def _answer_breaks(self, size: int) -> bool:
        with self._lock:
            if self._answers_to_lose > 0:
                self._answers_to_lose -= 1
                return True
            if self._answer_bytes_to_lose_at is None:
                return False
            self._answer_bytes_to_lose_at -= size
            if self._answer_bytes_to_lose_at > 0:
                return False
            self._answer_bytes_to_lose_at = None
            return True

    def _pass(self, source: socket.socket, target: socket.socket, breaks: Any) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                if breaks(len(piece)):
                    break
                target.sendall(piece)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
