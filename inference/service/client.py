"""The engine as a web process sees it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing.connection import Client, Connection
from typing import Any

from bson import ObjectId

from inference.answers import NOBODY, Answer, Engine
from inference.protocol import NO_OPTIONS, Options
from inference.service.folder import RunFolder
from inference.service.room import Room
from inference.service.wire import address, receive, send, unpack_answer, unpack_error
from utils import Unavailable

_PATIENCE_SECONDS = 120.0
_PING_SECONDS = 2.0
_RETRY_AFTER_SECONDS = 2
_MOST_FILE_BYTES = 1024**3


class PredictionFailed(RuntimeError):
    """Something went wrong in the engine that is nobody's fault but ours; its log says what."""


class RemoteEngine(Engine):
    """Keeps as many connections as there were calls at one time.

    Args:
        request_id: of the request at hand, for the engine's log.
    """

    def __init__(self, folder: RunFolder, request_id: Callable[[], str] = lambda: "-"):
        self._folder = folder
        self._request_id = request_id
        self._idle: deque[Connection] = deque()
        self._room: Room | None = None
        self._lock = threading.Lock()

    def predict_batch(
        self,
        model_id: ObjectId,
        contents: list[bytes],
        options: Options = NO_OPTIONS,
        draw: bool = False,
        caller: str = NOBODY,
        places: int | None = None,
    ) -> Answer:
        """See `Engine`."""
        header = {
            "model_id": str(model_id),
            "options": asdict(options),
            "draw": draw,
            "caller": caller,
            "places": places,
            "request_id": self._request_id(),
        }
        began = time.perf_counter()
        reply, files = self._exchange(header, contents)
        if "error" in reply:
            raise unpack_error(reply["error"])
        if "failed" in reply:
            raise PredictionFailed("the engine could not predict; its log says why")
        answer = unpack_answer(reply, files)
        # On the way, and between the engine's threads.
        answer.seconds["wait"] += max(0.0, time.perf_counter() - began - reply["took_seconds"])
        return answer

    def has_room(self) -> bool:
        """See `Engine`."""
        if self._room is None:
            with self._lock:
                self._room = self._room or Room(self._folder.room)
        return self._room.claim()

    def answers(self) -> bool:
        """See `Engine`."""
        try:
            with self._connect() as connection:
                send(connection, {"ping": True}, [])
                return connection.poll(_PING_SECONDS)
        except OSError:
            return False

    def _exchange(self, header: dict[str, Any], contents: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
        connection = self._ask(header, contents)
        try:
            if not connection.poll(_PATIENCE_SECONDS):
                raise OSError("no answer")
            reply = receive(connection, _MOST_FILE_BYTES)
        except (OSError, EOFError):
            connection.close()
            raise _absent() from None
        self._idle.append(connection)
        return reply

    def _ask(self, header: dict[str, Any], contents: list[bytes]) -> Connection:
        """Send a message over a connection that was kept, or else over a new one: the engine may have started anew."""
        while True:
            try:
                connection, is_new = self._idle.pop(), False
            except IndexError:
                connection, is_new = self._open(), True
            try:
                send(connection, header, contents)
                return connection
            except OSError:
                connection.close()
                if is_new:
                    raise _absent() from None

    def _open(self) -> Connection:
        try:
            return self._connect()
        except OSError:
            raise _absent() from None

    def _connect(self) -> Connection:
        with address(self._folder.socket) as path:
            return Client(path, "AF_UNIX")


def _absent() -> Unavailable:
    return Unavailable(
        "inference does not answer, it is being started: try again in a moment",
        retry_after_seconds=_RETRY_AFTER_SECONDS,
    )
