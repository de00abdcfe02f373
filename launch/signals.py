"""Waiting that a signal ends at once, without a race between looking and sleeping."""

from __future__ import annotations

import os
import select
import signal
import threading
from types import FrameType

STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


class Pauses:
    """Plain waiting, for a family that lives inside a program with signals of its own, such as a test."""

    def __init__(self) -> None:
        self.stops = 0
        self._never = threading.Event()

    def wait(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self._never.wait(seconds)


class SignalPauses(Pauses):
    """Waiting that ends early on a stop signal, counted in `stops`, and when a child ends.

    Python's handlers run between two bytecodes, so a flag looked at before sleeping can be set too late; the wake-up
    pipe is readable from the moment of the signal on.
    """

    def __enter__(self) -> SignalPauses:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in (*STOP_SIGNALS, signal.SIGCHLD):
            # `nohup` starts us with SIGHUP ignored, and means it.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _noted)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, seconds: float) -> None:
        """Let at most `seconds` pass."""
        if select.select([self._reader], [], [], seconds)[0]:
            self.stops += sum(number in STOP_SIGNALS for number in os.read(self._reader, 4096))


def _noted(_number: int, _frame: FrameType | None) -> None:
    """A handler must be there for the wake-up pipe to be written."""
