"""Stands for the interpreter of training processes: the job's seed says in which way its trainer is ill.

A worker that is started with it runs `ill -m training.run FOLDER EVENTS_FD`. Seeds that name no illness train for
real, so all but the trainer is what users get. It imports what a training process does and no more, since each begins
with it.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Any

from datasets.snapshot import Dataset
from settings import MEBIBYTE
from training import registry
from training.classification.trainer import ClassificationTrainer
from training.protocol import Report, TrainedModel, Workspace


class Illness(IntEnum):
    """What a seed means."""

    SEGMENTATION_FAULT = 101
    LEAVES = 102
    LEAVES_AS_IF_ALL_WERE_WELL = 103
    IS_KILLED = 104
    TAKES_MEMORY = 105
    SCATTERS_CHILDREN = 106
    IS_DEAF = 107


class IllTrainer(ClassificationTrainer):
    """As its base, except for the seeds that name an illness."""

    def fit(self, dataset: Dataset, params: Any, workspace: Workspace, report: Report) -> TrainedModel:
        if params.seed not in _ILLNESSES:
            return super().fit(dataset, params, workspace, report)
        report.progress(1, params.epochs, {"loss": 1.0})
        print("these are its last words", flush=True)  # noqa: T201
        _ILLNESSES[Illness(params.seed)]()
        while True:
            time.sleep(1)


def _scatter_children() -> None:
    subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execve("/bin/sleep", ["sleep", "1001"], {})  # noqa: S606
        os._exit(0)
    if os.fork() == 0:  # as a loader of data does, it keeps every pipe of its parent open
        while True:
            time.sleep(1)


def _take_memory() -> None:
    held = [b"x" * (64 * MEBIBYTE) for _ in range(24)]
    time.sleep(1000 * bool(held))


_ILLNESSES: dict[Illness, Callable[[], object]] = {
    Illness.SEGMENTATION_FAULT: lambda: ctypes.string_at(0),
    Illness.LEAVES: lambda: os._exit(7),
    Illness.LEAVES_AS_IF_ALL_WERE_WELL: lambda: os._exit(0),
    Illness.IS_KILLED: lambda: os.kill(os.getpid(), signal.SIGKILL),
    Illness.TAKES_MEMORY: _take_memory,
    Illness.SCATTERS_CHILDREN: _scatter_children,
    Illness.IS_DEAF: lambda: None,
}

if __name__ == "__main__":
    registry.TRAINERS["classification"] = IllTrainer()
    sys.argv = sys.argv[2:]  # from `-m training.run FOLDER EVENTS_FD`
    runpy.run_module("training.run", run_name="__main__", alter_sys=True)
