"""Ties a process to the one that started it: `python tether.py PARENT SIGNAL COMMAND...`.

When the parent goes, however it goes, the command gets SIGNAL. On Linux the kernel does it and this program becomes the
command; elsewhere it stays and watches. It is run as a file by a bare interpreter, so it imports only what it must.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.5
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


def become(parent: int, death_signal: int, command: list[str]) -> None:
    """Ask the kernel for the signal and turn into the command (Linux).

    The signal comes when the starting thread ends, so members are started from the main thread only.
    """
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
    # The parent may have gone before the kernel was asked; then nobody would ever tell us.
    if os.getppid() == parent:
        os.execvp(command[0], command)  # noqa: S606 - the command is our own


def watch(parent: int, death_signal: int, command: list[str]) -> int:
    """Run the command as a child, pass signals on, and end it when the parent is gone (any Unix).

    Returns:
        The exit status of the command; 128 + n when signal n ended it.
    """
    process = subprocess.Popen(command)
    for number in PASSED_ON:
        signal.signal(number, lambda received, _frame: process.send_signal(received))
    while (status := _wait(process, LOOK_SECONDS)) is None:
        if os.getppid() != parent:
            process.send_signal(death_signal)
            if _wait(process, PATIENCE_SECONDS) is None:
                process.kill()
    return status if status >= 0 else 128 - status


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


if __name__ == "__main__":
    # A group of its own, which no Ctrl-C reaches and which can be killed as a whole; not a session of its own, since
    # some kernels share time out by session first, and priorities of processes in several would not compare.
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    tie = (int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
    if sys.platform == "linux":
        become(*tie)
    else:
        sys.exit(watch(*tie))
