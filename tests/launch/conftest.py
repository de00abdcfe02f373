from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.launch.program import Program, processes_on


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data folder with a space and letters beyond ASCII in its path; what still runs on it afterwards is killed."""
    folder = tmp_path / "my dätä"
    yield folder
    while left := processes_on(folder):
        for process in left:
            process.kill()
        psutil.wait_procs(left, 1)
    while Program.started:
        Program.started.pop().ended()
