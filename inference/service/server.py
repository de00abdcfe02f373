"""Answers what web processes ask over a socket, each connection in a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection, Listener
from typing import Any

from bson import ObjectId

from inference.answers import Engine
from inference.protocol import Options
from inference.service.folder import RunFolder
from inference.service.wire import address, pack_answer, pack_error, receive, send
from utils import DomainError

logger = logging.getLogger(__name__)

_BACKLOG = 256


class Server:
    """Listens from its making on.

    Args:
        most_bytes: of one content.
    """

    def __init__(self, engine: Engine, folder: RunFolder, most_bytes: int):
        self._engine = engine
        self._most_bytes = most_bytes
        folder.socket.unlink(missing_ok=True)  # what was killed has left it behind
        with address(folder.socket) as path:
            self._listener = Listener(path, "AF_UNIX", _BACKLOG)
        folder.socket.chmod(0o600)

    def serve(self) -> None:
        """Accept connections for as long as the process lives."""
        while True:
            with suppress(OSError):  # whoever connected is gone again
                connection = self._listener.accept()
                threading.Thread(target=self._converse, args=(connection,), name="caller", daemon=True).start()

    def _converse(self, connection: Connection) -> None:
        with connection, suppress(EOFError, OSError):  # the web process has closed it, or is gone
            while True:
                header, contents = receive(connection, self._most_bytes)
                send(connection, *self._answer(header, contents))

    def _answer(self, header: dict[str, Any], contents: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
        if "ping" in header:
            return {}, []
        try:
            began = time.perf_counter()
            options, model_id = Options(**header["options"]), ObjectId(header["model_id"])
            wish = (options, header["draw"], header["caller"], header["places"])
            packed, files = pack_answer(self._engine.predict_batch(model_id, contents, *wish))
            return {**packed, "took_seconds": time.perf_counter() - began}, files
        except DomainError as error:
            return {"error": pack_error(error)}, []
        except Exception:  # whatever it is, the web process answers 500 and this one goes on
            logger.exception("a prediction failed, of the request %s", header["request_id"])
            return {"failed": True}, []
