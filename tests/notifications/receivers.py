"""Receivers for tests: real HTTP servers on loopback that do as they are told."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.conftest import wait_until


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def message(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.body)
        return message

    @property
    def state(self) -> str:
        return str(self.message["data"]["state"])

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


Answer = Callable[[Received], "tuple[int, dict[str, str]] | int"]


class Receiver:
    """A server; `answer` decides, and may be replaced while it runs.

    Attributes:
        requests: all, in the order in which they came.
        taken: those that were answered with 2xx.
        server_names: which names TLS clients asked for.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.answer: Answer = lambda _: 204
        self.requests: list[Received] = []
        self.taken: list[Received] = []
        self.server_names: list[str | None] = []
        self.held = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.handle(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_: object) -> None:
                pass  # a sender that gave up is what some tests are about

        self.server = Server(("127.0.0.1", 0), Handler)
        if context:
            context.sni_callback = lambda _, name, __: self.server_names.append(name)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = request.rfile.read(int(headers["content-length"]))
        received = Received(request.path, headers, body, time.monotonic())
        self.requests.append(received)
        answer = self.answer(received)
        status, more = answer if isinstance(answer, tuple) else (answer, {})
        if 200 <= status < 300:
            self.taken.append(received)
        request.send_response(status)
        for name, value in more.items():
            request.send_header(name, value)
        request.end_headers()

    def hang(self, _: Received) -> int:
        """An answer that does not come before the test is over."""
        self.held.wait(60)
        return 500

    def wait_for(self, count: int, seconds: float = 30) -> list[Received]:
        """The first accepted requests, once there are so many."""
        wait_until(lambda: len(self.taken) >= count, seconds, 0.02)
        return self.taken

    def close(self) -> None:
        self.held.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@contextmanager
def receiver(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    server = Receiver(context)
    try:
        yield server
    finally:
        server.close()


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a new certificate for `name`, and a client's that trusts it."""
    key, crt = folder / f"{name}.key", folder / f"{name}.crt"
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-days", "1"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*command, "-keyout", key, "-out", crt, *subject], check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(crt, key)
    return server, ssl.create_default_context(cafile=str(crt))
