"""Folders for files under work: none outlives the process that made it by more than a start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from moodle.temporary import remove_left, temporary
from settings import Settings
from tests.conftest import ROOT

MAKE = """
import sys
from moodle.temporary import temporary
from settings import Settings
folder = temporary(Settings(moodle_temp_dir=sys.argv[1]))
print(folder.name, flush=True)
sys.stdin.read()
"""


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path):
    (tmp_path / "diyml-moodle-of-another").mkdir()
    (tmp_path / "diyml-moodle-link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / ".lock").touch()
    settings = Settings(moodle_temp_dir=str(tmp_path))
    with (
        subprocess.Popen(
            [sys.executable, "-c", MAKE, str(tmp_path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
        temporary(settings) as own,
    ):
        assert process.stdout is not None
        theirs = Path(process.stdout.readline().strip())
        (theirs / "data.csv").write_text("somebody's data")
        remove_left(settings)
        assert theirs.exists()
        process.kill()
        process.wait()
        remove_left(settings)
        assert not theirs.exists()
        assert Path(own).exists()
    left = {"diyml-moodle-of-another", "diyml-moodle-link", "elsewhere"}
    assert {path.name for path in tmp_path.iterdir()} == left
    assert (tmp_path / "elsewhere" / ".lock").exists()
