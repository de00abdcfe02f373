"""What a training takes is seen from outside, and past a limit the reason says what to do."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from settings import MEBIBYTE, Settings
from tests.conftest import wait_until
from training.process_tree import ProcessTree
from training.worker.limits import Limits, Watch
from training.worker.memory import available_bytes, group_limits, used_bytes

ENOUGH = Limits(memory_bytes=2**50, disk_bytes=2**50, processes=1000)
# Four processes that share 128 MiB, one of which reads a file of 96 MiB through the page cache.
SHARING = """
import mmap, os, sys, time
held = b"x" * (128 << 20)
with open(sys.argv[1], "wb") as file:
    file.write(b"y" * (96 << 20))
file = open(sys.argv[1], "rb")
mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
assert sum(mapped[::4096]) > 0
for _ in range(3):
    if os.fork() == 0:
        break
open(f"{sys.argv[1]}-{os.getpid()}", "w").close()
time.sleep(1000)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[ProcessTree]:
    (tmp_path / "folder").mkdir()
    root = subprocess.Popen([sys.executable, "-c", SHARING, str(tmp_path / "folder" / "big")])
    tree = ProcessTree(root.pid, str(tmp_path))
    wait_until(lambda: len(list((tmp_path / "folder").glob("big-*"))) == 4, 60)
    yield tree
    tree.look()
    tree.kill_rest()
    root.kill()
    root.wait()


def test_shared_memory_counts_once_and_files_not_at_all(tree: ProcessTree) -> None:
    members = tree.look()
    assert len(members) == 4
    assert sum(member.memory_info().rss for member in members) > (4 * 128 + 96) * MEBIBYTE
    assert used_bytes(members, 2**50) > 4 * 128 * MEBIBYTE
    assert 128 * MEBIBYTE < used_bytes(members, 0) < 200 * MEBIBYTE


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (
            {"memory_bytes": 100 * MEBIBYTE},
            ("MiB of memory, 100 MiB are allowed: try fewer rows, or ", "DIYML_JOB_MEMORY_BYTES"),
        ),
        (
            {"disk_bytes": 64 * MEBIBYTE},
            ("96 MiB of the disk, 64 MiB are allowed: try fewer rows, or ", "DIYML_JOB_DISK_BYTES"),
        ),
        ({"processes": 3}, ("4 processes at once, 3 are allowed", "DIYML_JOB_PROCESSES")),
        ({"memory_bytes": 256 * MEBIBYTE, "disk_bytes": 128 * MEBIBYTE, "processes": 4}, None),
    ],
)
def test_past_a_limit_the_reason_names_what_was_used_and_what_to_do(
    tree: ProcessTree, tmp_path: Path, limit: dict[str, int], words: tuple[str, ...] | None
) -> None:
    limits = Limits(**{**ENOUGH.__dict__, **limit})
    found = Watch(limits, tmp_path / "folder", tree, "fewer rows").excess()
    if words is None:
        assert found is None
    else:
        assert all(word in str(found) for word in words), found


def test_a_watch_costs_next_to_nothing(tree: ProcessTree, tmp_path: Path) -> None:
    watch, before = Watch(ENOUGH, tmp_path / "folder", tree, "fewer rows"), resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(1000):
        assert watch.excess() is None
    after = resource.getrusage(resource.RUSAGE_SELF)
    # Asked a thousand times in a moment, it has looked once or twice.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


def test_four_fifths_of_what_there_is_when_nothing_is_said() -> None:
    assert Limits.of(Settings()).memory_bytes == int(0.8 * available_bytes())
    assert Limits.of(Settings(job_memory_bytes=7)).memory_bytes == 7
    assert 0 < available_bytes() <= psutil.virtual_memory().total


def test_the_limit_of_a_control_group_and_of_those_above_it_counts(tmp_path: Path) -> None:
    files = {
        "memory.max": "8000",
        "a/memory.max": "max",
        "a/b/memory.max": "9000",
        "memory/c/memory.limit_in_bytes": "7",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert list(group_limits("0::/a/b\n", tmp_path)) == [9000, 8000]
    assert list(group_limits("0::/\n", tmp_path)) == [8000]
    assert list(group_limits("4:cpu,cpuacct:/x\n3:memory:/c\n", tmp_path)) == [7]


def test_a_training_process_leaves_no_memory_image_and_goes_last_for_time_and_first_for_memory() -> None:
    look = "import os, resource; from pathlib import Path; from training.confinement import confine; confine(15); "
    look += "print(resource.getrlimit(resource.RLIMIT_CORE), Path('/proc/self/oom_score_adj').read_text(), os.nice(0))"
    run = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=os.getcwd())
    assert run.stdout.split() == ["(0,", "0)", "1000", "15"]
