"""Domain errors and small pure helpers; imports nothing of the project."""

from __future__ import annotations

import os
import re
import select
import signal
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

VERSION = "0.1.0"


class DomainError(Exception):
    """Something a caller can be told: `code` is stable, `errors` names each bad field."""

    code = "error"

    def __init__(self, detail: str, errors: list[dict[str, str]] | None = None, retry_after_seconds: int = 0):
        super().__init__(detail)
        self.detail = detail
        self.errors = errors or []
        self.retry_after_seconds = retry_after_seconds


class InvalidInput(DomainError):
    """A parameter is missing, malformed or out of its range."""

    code = "invalid_input"


class Unauthenticated(DomainError):
    """No token, an unknown, expired or revoked one, or a wrong password."""

    code = "unauthenticated"


class Forbidden(DomainError):
    """The caller is known and may not."""

    code = "forbidden"


class InsufficientScope(Forbidden):
    """The token is valid, and not meant for this."""

    code = "insufficient_scope"


class NotFound(DomainError):
    """There is no such thing, or the caller may not know that there is."""

    code = "not_found"


class Conflict(DomainError):
    """The state of things does not allow it: a name is taken, a training runs."""

    code = "conflict"


class ChangedMeanwhile(DomainError):
    """Somebody else has changed the thing since the caller read it."""

    code = "changed_meanwhile"


class KeyReused(DomainError):
    """An idempotency key stands for another request."""

    code = "key_reused"


class TooLarge(DomainError):
    """More than the configured bound."""

    code = "too_large"


class TooManyRequests(DomainError):
    """The caller asks more often than it may; come back after `retry_after_seconds`."""

    code = "too_many_requests"


class Unavailable(DomainError):
    """A part of the platform does not answer or is full; come back after `retry_after_seconds`."""

    code = "unavailable"


class DatabaseSilent(Unavailable):
    """The database cannot be reached, and whoever asks it next will wait in vain as well."""


def step_back(niceness: int) -> None:
    """Let other processes of the machine go before this one and its children.

    Args:
        niceness: 0 to 19; a process of niceness 5 gets a third of the time of one of niceness 0 when both want all.
    """
    os.nice(niceness)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # where the kernel shares time out by session first, niceness counts within one only
            Path("/proc/self/autogroup").write_text(str(niceness))


class StopSignal:
    """Notes SIGTERM and SIGINT from its making on; for the main thread of a process.

    The system writes to the pipe whenever one comes. A Python handler may run too late for whoever waits already.
    """

    def __init__(self) -> None:
        self._reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, frame: None)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the first, at most so long; whether it has come."""
        return bool(select.select([self._reader], [], [], seconds)[0])


def utc_now() -> datetime:
    """The time now, aware, in UTC."""
    return datetime.now(timezone.utc)


_QUOTED_PATH = re.compile(r"""(['"])/(?:[^/'"\n]+/)+([^/'"\n]*)\1""")
_BARE_PATH = re.compile(r"""(?<![\w:/.])/(?:[^/\s'"]+/)+([^/\s'"]*)""")


def without_folders(text: str) -> str:
    """A text for users: of every absolute path in it only the last part, since folders are the operator's."""
    return _BARE_PATH.sub(r"\1", _QUOTED_PATH.sub(r"\1\2\1", text))


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """`1 image`, `3 images`, `0 classes`."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def some_of(names: list[str], most: int = 5) -> str:
    """The first names, quoted, and how many more there are: `'a', 'b' and 7 more`."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
