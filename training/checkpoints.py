"""The trainer's side of checkpoints: when one is due, and how a file becomes one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from training.protocol import Report, Workspace


class Checkpoints:
    """Makes the checkpoints of one training, each a file of its own."""

    def __init__(self, workspace: Workspace, report: Report):
        self._folder = workspace.folder / "checkpoints"
        self._report = report
        self._seconds = workspace.checkpoint_seconds
        self._made = 0
        self._made_at = time.monotonic()

    def due(self) -> bool:
        """Whether enough was trained since the last."""
        return time.monotonic() - self._made_at >= self._seconds

    def make(self, epoch: int, write: Callable[[Path], object]) -> None:
        """Let `write` write one to a path, and hand it over once it is whole."""
        self._folder.mkdir(exist_ok=True)
        self._made += 1
        # Each has a name of its own: one of the same epoch may be on its way still.
        unfinished, path = self._folder / "unfinished", self._folder / f"{self._made}-epoch-{epoch}"
        write(unfinished)
        os.replace(unfinished, path)
        self._report.checkpoint(path, epoch)
        self._made_at = time.monotonic()
