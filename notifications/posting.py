"""One POST to a receiver that may be slow, hostile or not there, within a limit of time that holds."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass

from notifications.deadlines import ended_at
from notifications.receivers import Receivers, Target, Unreachable

CONNECT_SECONDS = 5.0
WHOLE_SECONDS = 15.0
_MOST_ADDRESSES = 4
_GOODBYE_SECONDS = 1.0
_GOODBYE_BYTES = 4096


@dataclass(frozen=True)
class Answer:
    """What a receiver said; its body is nobody's business."""

    status: int
    retry_after: str | None


class Poster:
    """Sends to addresses that the rules allow, and to nothing else: no redirect, no proxy.

    Args:
        context: for https; the system's certificates by default.
    """

    def __init__(
        self,
        receivers: Receivers,
        context: ssl.SSLContext | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        whole_seconds: float = WHOLE_SECONDS,
    ):
        self._receivers = receivers
        self._context = context or ssl.create_default_context()
        self._connect_seconds = connect_seconds
        self._whole_seconds = whole_seconds

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Send, and give the answer.

        Raises:
            Unreachable: there was none; says why.
            InvalidInput: the URL is not allowed any more.
        """
        target = self._receivers.target(url)
        addresses = self._receivers.addresses(target)
        deadline = time.monotonic() + self._whole_seconds
        sock = self._connect(target, addresses, deadline)
        with ended_at(deadline, sock) as is_over, closing(sock):
            try:
                return self._exchange(sock, target, body, headers, is_over)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise Unreachable(self._words(error, is_over())) from None

    def _connect(self, target: Target, addresses: list[str], deadline: float) -> socket.socket:
        reason = ""
        for address in addresses[:_MOST_ADDRESSES]:
            left = min(self._connect_seconds, deadline - time.monotonic())
            if left <= 0:
                break
            try:
                return socket.create_connection((address, target.port), left)
            except TimeoutError:
                reason = f"no connection within {self._connect_seconds:g} s"
            except ConnectionRefusedError:
                reason = "it refused the connection"
            except OSError:
                reason = "it could not be reached"
        raise Unreachable(reason)

    def _exchange(
        self, sock: socket.socket, target: Target, body: bytes, headers: dict[str, str], is_over: Callable[[], bool]
    ) -> Answer:
        sock.settimeout(self._whole_seconds)
        connection = http.client.HTTPConnection(target.host, target.port)
        if target.scheme == "https":
            sock = self._context.wrap_socket(sock, server_hostname=target.host)
        connection.sock = sock
        with closing(connection):
            connection.request(
                "POST", target.path, body, {"Host": target.host_header, "Connection": "close", **headers}
            )
            with closing(connection.getresponse()) as response:
                if is_over():  # in the middle of the headers, whose end and being cut look the same to http.client
                    raise TimeoutError
                answer = Answer(response.status, response.getheader("Retry-After"))
                # Who closes on a receiver that still writes lets it see an error.
                with suppress(OSError, http.client.HTTPException, ValueError):
                    sock.settimeout(_GOODBYE_SECONDS)
                    response.read(_GOODBYE_BYTES)
                return answer

    def _words(self, error: Exception, is_over: bool) -> str:
        if is_over or isinstance(error, TimeoutError):
            return f"no answer within {self._whole_seconds:g} s"
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate could not be verified: {error.verify_message}"
        if isinstance(error, ssl.SSLError):
            return "no TLS connection could be made"
        if isinstance(error, ConnectionError):
            return "it closed the connection without an answer"
        return "it could not be reached" if isinstance(error, OSError) else "its answer is no HTTP"
