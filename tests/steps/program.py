"""Does one thing to a real database and dies before its n-th write, as often as it is told.

Orders come as lines of JSON on the standard input, answers go as lines of JSON to the standard output. This process
makes no client of a database: each order is done by a fork that makes its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pymongo import monitoring

import training.worker.supervisor
from datasets.imports.interrupts import Interrupts
from datasets.imports.run import ImportRun
from DIYML import create_app
from settings import Settings
from storage.store import Store
from tests.inference.models import SIZE_PX, brightness_model, classification_card
from tests.training.conftest import supervisor
from training.process_tree import ProcessTree
from training.run import RESULT
from training.worker.identity import Identity
from training.worker.keeper import Keeper
from training.worker.progress import Progress

WRITES = ("insert", "update", "delete", "findAndModify")
REFUSED = 3


class Stop(monitoring.CommandListener):
    """Tells every write before it is sent, and kills the process instead of sending the n-th."""

    def __init__(self, steps_fd: int, stop_at: int):
        self._steps_fd = steps_fd
        self._left = stop_at
        self.armed = False

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.armed and event.command_name in WRITES:
            os.write(self._steps_fd, f"{event.command_name} {event.command[event.command_name]}\n".encode())
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to do."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to do."""


class Trained:
    """Stands where a training process does, and has ended with a model."""

    def __init__(self, folder: Path):
        self.pid = os.getpid()
        self.folder = folder
        self.tree = ProcessTree(self.pid, str(folder))

    def wait(self, _: float) -> int:
        return 0


@contextlib.contextmanager
def trained(folder: Path, _: Path, progress: Progress, keeper: Keeper, *__: object) -> Iterator[Trained]:
    """What a training process leaves: two checkpoints, one after the other, and a model."""
    for epoch in (1, 2):
        checkpoint = folder / f"checkpoint-{epoch}"
        checkpoint.write_bytes(b"weights")
        progress.log(f"epoch {epoch}")
        keeper.offer(checkpoint, epoch)
        keeper.flush(60)
    content = brightness_model()
    (folder / "model.onnx").write_bytes(content)
    (folder / "weights.pt").write_bytes(b"weights")
    card = classification_card(SIZE_PX, ["bright", "dark"], content).model_dump()
    paths = {"onnx": str(folder / "model.onnx"), "weights": str(folder / "weights.pt")}
    (folder / RESULT).write_text(json.dumps({**paths, "artifacts": [], "card": card}))
    yield Trained(folder)


def call(settings: Settings, stop: Stop, method: str, path: str, parameters: dict[str, Any]) -> int:
    """One request, as a web process answers it."""
    client = create_app(settings).test_client()
    assert client.get("/auth?username=nobody").status_code == 200
    stop.armed = True
    answer = client.open(path, method=method, json=parameters)
    return 0 if answer.status_code == 200 else REFUSED


def work(settings: Settings, stop: Stop) -> int:
    """One job, as a worker sees it through."""
    training.worker.supervisor.training_process = trained  # type: ignore[assignment]
    store = Store(settings)
    stop.armed = True
    job = store.job_runs.claim(str(Identity.of_this_process()))
    assert job
    supervisor(store, settings).run(job)
    return 0


def import_one(settings: Settings, stop: Stop) -> int:
    """One import, as an importer sees it through."""
    store = Store(settings)
    stop.armed = True
    record = store.import_runs.claim(str(Identity.of_this_process()))
    assert record
    with ThreadPoolExecutor(1) as pool:
        ImportRun(store, settings, record, settings.data_dir / "imports", pool, Interrupts()).run()
    return 0


def obey(order: dict[str, Any], steps_fd: int) -> int:
    """What the fork does; gives its exit status."""
    stop = Stop(steps_fd, order["stop"])
    monitoring.register(stop)
    settings = Settings.from_environment()
    if order["operation"] == "work":
        return work(settings, stop)
    if order["operation"] == "import":
        return import_one(settings, stop)
    return call(settings, stop, order["method"], order["path"], order["parameters"])


def fork(order: dict[str, Any]) -> dict[str, Any]:
    """Have an order done; gives the fork's exit status, negative for a signal, and its writes."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = obey(order, writer)
        except BaseException as error:  # the fork must end here, whatever comes
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(status)
    os.close(writer)
    with open(reader) as steps:
        told = steps.read().splitlines()
    return {"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), "steps": told}


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(fork(json.loads(line))) + "\n")
        sys.stdout.flush()
