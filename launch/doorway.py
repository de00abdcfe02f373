"""Turns predictions away at the door while the engine is full: in the server's own loop, without a thread or a parser.

At ten times what a machine can do, nine of ten requests are refused, and each that is given to a thread, parsed and
read into memory takes from the cores that the others are to be answered with. What can be refused by the head of a
request alone is refused here; whatever is not plain goes the ordinary way, which refuses it in the same words.
"""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Any, Protocol

_LONGEST_HEAD_BYTES = 8192
_LARGEST_BODY_BYTES = 64 * 1024 * 1024
_BIN = bytearray(256 * 1024)
_POST = re.compile(rb"POST (/[^\s?%]*)(?:\?\S*)? HTTP/1\.1\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,12})[ \t]*(?=\r\n)", re.IGNORECASE)
# What says how the body comes or what becomes of the connection, or is folded over lines, is for a real parser.
_NOT_PLAIN = re.compile(
    rb"\r\n(?:[ \t]|transfer-encoding|expect|upgrade|connection:(?![ \t]*keep-alive[ \t]*\r\n))", re.IGNORECASE
)
# Linux drops what is received with this flag; elsewhere it goes into the bin, which nobody reads.
_THROW_AWAY = socket.MSG_TRUNC if sys.platform == "linux" else 0
_LEAVING = "diyml_leaving"


class Refusing(Protocol):
    """What knows who is to be refused; see `api.overload.RefuseEarly`."""

    def has_room(self) -> bool:
        """Whether anybody can be let in."""
        ...

    def response(self, path: str, header: Callable[[str], str]) -> bytes | None:
        """The whole answer to a POST of this path that is to be refused."""
        ...


class Doorway:
    """Of one web process; used by its main loop only.

    Args:
        refusing: None where nothing is ever refused.
    """

    def __init__(self, refusing: Refusing | None):
        self._refusing = refusing

    def turns_away(self, connection: Any) -> bool:
        """Refuse what has begun to arrive on a kept connection, or go on doing so; the connection stays as it is.

        Args:
            connection: of gunicorn's threaded worker, with a socket that does not block.

        Returns:
            False when it is for a thread to look at: nothing of a request has been read, or the caller is gone.
        """
        leaving = getattr(connection, _LEAVING, None) or self._begin(connection.sock)
        if leaving is None:
            return False
        state = leaving.go_on(connection.sock)
        setattr(connection, _LEAVING, leaving if state is _State.ARRIVING else None)
        return state is not _State.GONE

    def _begin(self, sock: socket.socket) -> _Leaving | None:
        if self._refusing is None or self._refusing.has_room():
            return None
        head = _head(sock)
        found, lengths = _POST.match(head), _LENGTH.findall(head)
        if not found or len(lengths) != 1 or _NOT_PLAIN.search(head) or int(lengths[0]) > _LARGEST_BODY_BYTES:
            return None
        answer = self._refusing.response(found[1].decode("latin-1"), lambda name: _header(head, name))
        return _Leaving(answer, len(head) + int(lengths[0])) if answer else None


class _State(Enum):
    ARRIVING = "arriving"
    ANSWERED = "answered"
    GONE = "gone"


class _Leaving:
    """A request that is refused while it still arrives: it is thrown away, then answered.

    Args:
        owed: bytes of it that are still to be thrown away; an answer before that would be lost with the connection.
    """

    def __init__(self, answer: bytes, owed: int):
        self._answer = answer
        self._owed = owed

    def go_on(self, sock: socket.socket) -> _State:
        """Take what there is, and answer when that was all."""
        try:
            while self._owed:
                taken = sock.recv_into(_BIN, min(self._owed, len(_BIN)), _THROW_AWAY)
                if not taken:
                    return _State.GONE
                self._owed -= taken
        except BlockingIOError:
            return _State.ARRIVING
        except OSError:
            return _State.GONE
        with suppress(OSError):
            if sock.send(self._answer) == len(self._answer):
                return _State.ANSWERED
            # Who leaves no room for so little gets nothing more: the next answer would be read as the rest of this one.
            sock.shutdown(socket.SHUT_RDWR)
        return _State.GONE


def _head(sock: socket.socket) -> bytes:
    """Request line and headers with the empty line after them, which stay to be read; empty when not all is there."""
    try:
        seen = sock.recv(_LONGEST_HEAD_BYTES, socket.MSG_PEEK)
    except OSError:
        return b""
    end = seen.find(b"\r\n\r\n")
    return seen[: end + 4] if end > 0 else b""


def _header(head: bytes, name: str) -> str:
    found = re.search(rb"\r\n" + name.encode() + rb":[ \t]*([^\r\n]*)\r\n", head, re.IGNORECASE)
    return found[1].decode("latin-1").strip() if found else ""
