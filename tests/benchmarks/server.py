"""A tiny server that answers as it is told to, over raw sockets."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reply:
    """What is sent back, and when."""

    status: int = 200
    body: bytes = b'{"results": [1], "timing_ms": 7}'
    after_seconds: float = 0.0
    retry_after: int | None = None
    then_close: bool = False
    hang_up: bool = False


@dataclass
class Seen:
    """What has arrived: heads and bodies of all requests, and the number of connections."""

    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0


@contextmanager
def serving(reply_to: Callable[[int], Reply]) -> Iterator[tuple[int, Seen]]:
    """Serve while the block runs; gives the port, and what arrives. Requests are numbered from 0."""
    seen, lock = Seen(), threading.Lock()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with lock:
                seen.connections += 1
            while head := self._head():
                body = self.rfile.read(int(head.lower().split("content-length: ")[1].split("\r\n")[0]))
                with lock:
                    number = len(seen.heads)
                    seen.heads.append(head)
                    seen.bodies.append(body)
                reply = reply_to(number)
                time.sleep(reply.after_seconds)  # A server that takes its time is what is being tested.
                if reply.hang_up:
                    return
                self._send(reply)
                if reply.then_close:
                    return

        def _head(self) -> str:
            lines = []
            while (line := self.rfile.readline().decode()) not in ("", "\r\n"):
                lines.append(line)
            return "".join(lines)

        def _send(self, reply: Reply) -> None:
            fields = f"Content-Length: {len(reply.body)}\r\n"
            if reply.retry_after is not None:
                fields += f"Retry-After: {reply.retry_after}\r\n"
            if reply.then_close:
                fields += "Connection: close\r\n"
            self.wfile.write(f"HTTP/1.1 {reply.status} Said\r\n{fields}\r\n".encode() + reply.body)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1], seen
        finally:
            server.shutdown()
            thread.join()
