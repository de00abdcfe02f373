"""The process that trainings and evaluations are forked from: `python -m moodle.fork_server SOCKET IDLE_SECONDS`.

It has loaded what a fit needs, which takes longer than most fits, and does nothing but fork. So each task has a process
of its own that begins at once, and nothing that one leaves behind is met by the next.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from environments import set_environment
from moodle.tasks import perform
from training.process_tree import MARK
from utils import step_back

MOST_MESSAGE_BYTES = 65_536
# Not what draws the picture of an evaluation: 30 MB at all times for half a second of it.
LOADED = (
    "sklearn.ensemble", "sklearn.linear_model", "sklearn.metrics", "sklearn.neural_network", "moodle.evaluation_log",
    "moodle.learner.file", "moodle.teaching",
)  # fmt: skip
_FIRST_SECONDS = 60.0
_LOOK_SECONDS = 1.0
_STANDARD_OUTPUT, _STANDARD_ERROR = 1, 2


def main(control: socket.socket, idle_seconds: float) -> int:
    """Fork a process for each folder that is sent, until nobody can send any more or nothing was sent for long.

    A message is JSON with `folder` and `niceness`; with it come where the process writes, and a pipe that tells of its
    end by being closed, since the system tells of that only to us.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system forgets those that have ended
    _load()
    patience = max(idle_seconds, _FIRST_SECONDS)
    while select.select([control], [], [], max(patience, _LOOK_SECONDS))[0] or _has_children():
        if not select.select([control], [], [], 0)[0]:
            continue
        message, files, _, _ = socket.recv_fds(control, MOST_MESSAGE_BYTES, 2)
        if not message:
            return 0
        if os.fork() == 0:
            control.close()
            _work(json.loads(message), *files)
        for file in files:
            os.close(file)
        patience = idle_seconds
    return 0


def _load() -> None:
    """Import what fits and evaluations import. None of it may start threads: a fork would lack them."""
    for name in LOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else looking for garbage would write to every page, and so copy it


def _has_children() -> bool:
    with suppress(ChildProcessError):
        return os.waitpid(-1, os.WNOHANG)[0] == 0
    return False


def _work(task: dict[str, Any], output: int, alive: int) -> NoReturn:
    """Do a folder's task, in the process that is there for it."""
    status = 1
    try:
        _become(task["folder"], output, alive)
        os.write(alive, f"{os.getpid()}\n".encode())
        step_back(task["niceness"])
        perform(Path(task["folder"]))
        status = 0
    except BaseException:  # whatever it is, this process ends with it
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stderr.flush()
        os._exit(status)


def _become(folder: str, output: int, alive: int) -> None:
    """A process with a session, a folder and an output of its own, that ends with the one it came of."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.set_inheritable(alive, False)
    os.dup2(output, _STANDARD_OUTPUT)
    os.dup2(output, _STANDARD_ERROR)
    os.close(output)
    os.chdir(folder)
    set_environment(TMPDIR=folder, HOME=folder, **{MARK: folder})
    tempfile.tempdir = None


def _end_with(parent: int) -> None:
    """Nobody waits for the answer once the server that asked is gone, and the process that forks goes with it."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)  # the system tells a process of its children, not of its parent
    os._exit(1)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as own:
        sys.exit(main(own, float(sys.argv[2])))
