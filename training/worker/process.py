"""Starts, follows and ends the process of one training."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from environments import scrubbed_environment
from training.process_tree import MARK, ProcessTree
from training.worker.keeper import Keeper
from training.worker.progress import Progress
from utils import without_folders

OUTPUT = "output.log"
_TAIL_BYTES, _TAIL_LINES = 16_000, 20
# Of a crash Python tells where it happened, and then names every library that was loaded, in one long line.
_LIBRARIES = "Extension modules:"
_READ_SECONDS = 5.0


class TrainingProcess:
    """A process group of its own, whose events go into a `Progress`, and its checkpoints to a `Keeper`.

    Attributes:
        failure: the reason the process gave for ending without a model.
        excess: what of its limits it was ended for.
        folder: its own.
        tree: the process and all its descendants.
    """

    def __init__(self, folder: Path, home: Path, progress: Progress, keeper: Keeper, environment: dict[str, str]):
        self.failure: str | None = None
        self.excess: str | None = None
        self.folder = folder
        self._progress = progress
        self._keeper = keeper
        events_fd, child_fd = os.pipe()
        with (folder / OUTPUT).open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "training.run", str(folder), str(child_fd)],
                cwd=folder,
                env=scrubbed_environment(
                    TMPDIR=str(folder), HOME=str(home.absolute()), **{MARK: str(folder)}, **environment
                ),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[child_fd],
                start_new_session=True,
            )
        os.close(child_fd)
        self.tree = ProcessTree(self._process.pid, str(folder))
        self._reader = threading.Thread(target=self._read, args=(events_fd,), daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Process id, and id of its process group."""
        return self._process.pid

    def wait(self, seconds: float) -> int | None:
        """The exit status once all is read, or None when the process still runs after `seconds`."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._kill_group()
        self._kill_rest()
        return status

    def kill(self) -> None:
        """End the process and all its descendants at once, and wait until they are gone."""
        if self._process.returncode is None:
            self.tree.look()
            self._kill_group()
            self._process.wait()
            self._kill_rest()

    def kill_for(self, excess: str) -> int:
        """End it because it is past a limit; gives the exit status."""
        self.excess = excess
        self.kill()
        return self._process.returncode

    def ask_to_stop(self) -> None:
        """Ask it to end early, with a model of the best so far."""
        with suppress(BrokenPipeError):  # it is just ending
            if self._process.stdin:
                os.write(self._process.stdin.fileno(), b"stop\n")

    def _kill_group(self) -> None:
        """Only before or right after the end of its leader: later, the id may be given to a group of somebody else."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _kill_rest(self) -> None:
        """Descendants that outlive the leader would hold its memory, and the pipe open."""
        self.tree.kill_rest()
        self._reader.join(_READ_SECONDS)

    def last_lines(self) -> list[str]:
        """The end of what the process printed."""
        with (self.folder / OUTPUT).open("rb") as output:
            output.seek(0, os.SEEK_END)
            output.seek(max(0, output.tell() - _TAIL_BYTES))
            lines = without_folders(output.read().decode(errors="replace")).splitlines()
        return [line for line in lines if not line.startswith(_LIBRARIES)][-_TAIL_LINES:]

    def close(self) -> None:
        """Let go of the pipe that keeps the process alive."""
        if self._process.stdin:
            self._process.stdin.close()

    def _read(self, events_fd: int) -> None:
        with os.fdopen(events_fd, errors="replace") as events:
            for line in events:
                with suppress(ValueError):  # a line cut short by a kill
                    self._take_in(json.loads(line))

    def _take_in(self, event: dict[str, Any]) -> None:
        if "failed" in event:
            self.failure = without_folders(event["failed"])
        elif "log" in event:
            self._progress.log(without_folders(event["log"]))
        elif "checkpoint" in event:
            self._keeper.offer(Path(event["checkpoint"]), event["epoch"])
        elif "environment" in event:
            self._progress.note(environment=event["environment"])
        elif "keepable" in event:
            self._progress.note(keepable=True)
        elif "resumed" in event:
            self._keeper.resumed(event["resumed"])
        else:
            self._progress.advance(event["epoch"], event["epochs"], event["metrics"])


@contextmanager
def training_process(
    folder: Path, home: Path, progress: Progress, keeper: Keeper, environment: dict[str, str]
) -> Iterator[TrainingProcess]:
    """A running training process that is gone when the block is left, however it is left.

    Args:
        folder: the job's own, with its spec and dataset.
        home: where libraries may keep their caches from one training to the next.
        environment: variables of the device it trains on.
    """
    process = TrainingProcess(folder, home, progress, keeper, environment)
    try:
        yield process
    finally:
        process.kill()
        process.close()


def exit_reason(status: int, lighter: str) -> str:
    """What an exit status means, for a person.

    Args:
        status: as of `subprocess.Popen.returncode`; negative is a signal.
        lighter: what the trainer says makes a training take less.
    """
    if status == -signal.SIGKILL:
        return f"the training process was killed from outside, most often because memory ran out: try {lighter}"
    if status < 0:
        return f"the training process crashed ({signal.Signals(-status).name})"
    return f"the training process ended unexpectedly (exit status {status})"
