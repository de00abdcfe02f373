"""Fits in epochs that go on where an earlier attempt at the same training left them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.checkpoints import Checkpoints
from training.protocol import Report, Workspace

# Of the time to the finished model, once somebody wants the training to end early: the rest is for export and figures.
_FITTING_SHARE = 0.5

State = dict[str, Any]
"""Of one fit: how many `epochs` are finished, and tensors and plain values that the rest depends on."""


class Unusable(Exception):
    """A fit cannot go on from what an earlier attempt left; nothing was learned yet."""


class Fits:
    """The fits of one training, which come in the same order in every attempt.

    Several are needed for one model: that which serves, and those that have not seen a part of the rows.

    Args:
        epochs: that each takes.

    Attributes:
        history: a row an epoch of the fit that serves.
        told: how many of its epochs the job's record knows.
    """

    def __init__(self, workspace: Workspace, report: Report, epochs: int):
        self.history: list[dict[str, float]] = []
        self.told = 0
        self._report = report
        self._epochs = epochs
        self._checkpoints = Checkpoints(workspace, report)
        self._left: list[State] = []
        self._states: list[State] = []
        self._stop_seconds = workspace.stop_seconds
        self._asked_at: float | None = None

    def resume(self, path: Path) -> None:
        """Take over what an earlier attempt kept.

        Raises:
            Unusable: it cannot be read, or is of another training.
        """
        try:
            import torch

            # Nothing but tensors and plain values is ever read, so that a file cannot run code.
            kept = torch.load(path, map_location="cpu", weights_only=True)
            if kept["of_epochs"] != self._epochs:
                raise ValueError("it is of a training of another length")
            self._left, self.history, self.told = list(kept["fits"]), list(kept["history"]), int(kept["told"])
        except Exception as error:  # a bad file shows in many ways
            raise Unusable(f"{type(error).__name__}: {error}") from error

    def begin(self, load: Callable[[State], None]) -> int:
        """The next fit begins; gives how many of its epochs need not be trained.

        Args:
            load: puts everything into a state that was kept.

        Raises:
            Unusable: it cannot; what was to be fitted is spoilt then.
        """
        state = self._left.pop(0) if self._left else None
        self._states.append(state or {})
        if state is None:
            return 0
        try:
            load(state)
            done = self._epochs if state["ended"] else int(state["epochs"])
        except Exception as error:  # as bad files do, states of another network show in many ways
            raise Unusable(f"{type(error).__name__}: {error}") from error
        if len(self._states) == 1:
            self._report.resumed(self.told)
        return done

    def keep(self, state: State, ended: bool) -> None:
        """An epoch of the fit has ended; a checkpoint is made when one is due.

        Args:
            ended: it was the last.
        """
        self._states[-1] = {**state, "ended": ended}
        # Before the fit that serves has an epoch, there is nothing that a record could say of it.
        if self._checkpoints.due() and self.told:
            self._checkpoints.make(self.told, self._save)

    def stopping(self) -> bool:
        """Whether somebody wants the training to end early."""
        if self._asked_at is None and self._report.stopping():
            self._asked_at = time.monotonic()
        return self._asked_at is not None

    def late(self) -> bool:
        """Whether there is no time left for fits, since somebody wants the training to end early."""
        asked = self._asked_at if self.stopping() else None
        return asked is not None and time.monotonic() - asked > _FITTING_SHARE * self._stop_seconds

    def _save(self, path: Path) -> None:
        import torch

        kept = {"of_epochs": self._epochs, "fits": self._states, "history": self.history, "told": self.told}
        torch.save(kept, path)
