"""Imports of tables that end before their time, and what they leave on the disk."""

from __future__ import annotations

import fcntl
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from datasets.imports.interrupts import Cancelled, Interrupts
from datasets.imports.options import ImportOptions
from datasets.tables.importing import TableImport
from datasets.tables.working import working_folder
from storage.project import Project
from storage.store import Store
from storage.sweeper import sweep
from tests.conftest import ROOT
from tests.datasets.tables.made import csv_of
from tests.storage.test_sweeper import AT_ONCE, NONE

_CONTENT = csv_of({"a": list(range(30)), "b": ["x", "y"] * 15})
_MOST_LOOKS = 100


class Patience(Interrupts):
    """Is cancelled at a look."""

    def __init__(self, looks: int):
        super().__init__()
        self._looks = looks

    def look(self) -> None:
        self._looks -= 1
        if self._looks < 0:
            raise Cancelled


@pytest.fixture
def project(store: Store) -> Project:
    return store.projects.create(store.users.create("ada", b"long enough"), "things", "tabular")


def test_an_import_that_is_cancelled_at_any_moment_leaves_nothing(store: Store, project: Project, tmp_path: Path):
    record = store.imports.create(project.id, project.owner_id, len(_CONTENT), "a.csv", ImportOptions().to_row())
    for looks in range(_MOST_LOOKS):
        run = TableImport(store, record, tmp_path, Patience(looks), lambda **fields: None, lambda finding: None)
        try:
            run.run(io.BytesIO(_CONTENT))
            break
        except Cancelled:
            # The last look is while the table is placed, which is then there, and found by the next attempt.
            assert store.tables.current(project.id) is None
            sweep(store, AT_ONCE)
            assert store.database["artifacts.files"].count_documents({}) == 0
            assert store.database["artifacts.chunks"].count_documents({}) == 0
        finally:
            assert list(tmp_path.iterdir()) == []
    else:
        raise AssertionError("it never got through")
    assert looks > 5
    assert store.tables.current(project.id).rows == 30
    assert sweep(store, AT_ONCE) == NONE


_HOLD = """
import sys, time
from pathlib import Path
from datasets.tables.working import working_folder
with working_folder(Path(sys.argv[1])) as folder:
    print(folder, flush=True)
    time.sleep(600)
"""


def test_who_makes_a_folder_while_another_clears_up_has_one_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lock = fcntl.flock
    met: list[int] = []

    def clear_up_first(handle: int, how: int) -> None:
        """Another begins in the moment between a folder and its lock."""
        if not met:
            met.append(handle)
            with working_folder(tmp_path):
                pass
        lock(handle, how)

    monkeypatch.setattr(fcntl, "flock", clear_up_first)
    with working_folder(tmp_path) as folder:
        (folder / "rows").write_bytes(b"rows")
        assert set(tmp_path.iterdir()) == {folder}


def test_what_a_killed_process_left_on_the_disk_goes_with_the_next_import(tmp_path: Path):
    command = [sys.executable, "-c", _HOLD, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        held = Path(process.stdout.readline().strip())
        (held / "large").write_bytes(b"rows")
        with working_folder(tmp_path) as folder:
            assert folder != held
            assert (held / "large").exists(), "its process lives"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with working_folder(tmp_path) as folder:
        assert set(tmp_path.iterdir()) == {folder}
    assert list(tmp_path.iterdir()) == []
