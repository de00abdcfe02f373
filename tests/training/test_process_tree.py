"""A training's processes end with it, wherever they went, and nobody else's do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from settings import Settings
from storage.store import Store
from tests.conftest import Caller, wait_until
from tests.training.conftest import is_gone, training_of, wait_for
from tests.training.worker.ill import Illness
from tests.training.worker.poison import start_ill, start_worker_with_poison
from training.process_tree import MARK, ProcessTree, kill_all

Worker = subprocess.Popen[bytes]
SLEEP = ["/bin/sleep", "1000"]


@pytest.fixture
def worker(settings: Settings, store: Store, tmp_path: Path) -> Iterator[Worker]:
    process = start_worker_with_poison(settings, tmp_path)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def bystander() -> Iterator[Worker]:
    process = subprocess.Popen(SLEEP)
    yield process
    assert process.poll() is None
    process.kill()
    process.wait()


@pytest.mark.parametrize("end", ["a cancel", "the worker is killed"])
def test_every_process_of_a_training_is_gone_within_five_seconds_of_its_end_and_no_other(
    caller: Caller, store: Store, shades: str, worker: Worker, bystander: Worker, end: str
) -> None:
    job_id = start_ill(caller, shades, Illness.SCATTERS_CHILDREN)
    family = scattered(worker)
    if end == "a cancel":
        assert caller.call("POST", f"/api/v1/jobs/{job_id}/cancel").status_code == 200
    else:
        worker.kill()
    wait_until(lambda: all(map(is_gone, family)), 5)
    if end == "a cancel":
        assert wait_for(store, job_id, "cancelled", seconds=5).error == "cancelled"


def scattered(worker: Worker) -> list[psutil.Process]:
    """The training process, a child in its group, one in a session of its own, and an orphan that hides its origin."""
    training = training_of(worker)

    def all_there() -> list[psutil.Process] | None:
        found = [process for process in training.children(recursive=True) if not is_gone(process)]
        away = [process for process in found if os.getpgid(process.pid) != training.pid]
        commands = sorted((process.cmdline() or ["(not begun)"])[-1] for process in away)
        return [training, *found] if len(found) == 3 and commands == ["1000", "1001"] else None

    family: list[psutil.Process] = wait_until(all_there, 30)
    return family


def test_what_outlived_both_the_training_and_its_worker_is_known_by_its_mark(bystander: Worker, tmp_path: Path) -> None:
    left = subprocess.Popen(SLEEP, env={MARK: str(tmp_path)}, start_new_session=True)
    other = subprocess.Popen(SLEEP, env={MARK: str(tmp_path / "other")})
    try:
        alone = psutil.Process(left.pid)
        kill_all(str(tmp_path))
        assert is_gone(alone)
        assert other.poll() is None
    finally:
        for process in (left, other):
            process.kill()
            process.wait()


def test_a_process_whose_id_was_given_anew_is_somebody_else(
    bystander: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "import subprocess, time; subprocess.Popen(['/bin/sleep', '1000']); time.sleep(1000)"
    root = subprocess.Popen([sys.executable, "-c", program])
    try:
        tree = ProcessTree(root.pid, str(tmp_path))
        wait_until(lambda: len(tree.look()) == 2, 30)
        child = next(process for process in tree.look() if process.pid != root.pid)
        former = psutil.Process(bystander.pid)
        # As if the id had been that of a process which was started earlier.
        monkeypatch.setattr(former, "_ident", (former.pid, former.create_time() - 100))
        kill_all(str(tmp_path), [former, child])
        assert is_gone(child)
        assert bystander.poll() is None
    finally:
        root.kill()
        root.wait()
