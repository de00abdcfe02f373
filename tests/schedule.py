"""In which order the files of tests begin, and which of them go to one process, when several processes run them."""

from __future__ import annotations

from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

TESTS = Path(__file__).resolve().parent
# Files that take a minute, and folders with such files. They begin first, so that none of them is left running alone
# at the end; what comes after them is short.
LONGEST = (
    "cluster",
    "training/worker/test_worker_loss.py",
    "faults",
    "steps",
    "api/openapi",
    "client",
    "launch/test_serve.py",
    "training/worker",
    "launch",
    "tracking",
    "training",
)
# They share one platform, which each process would start anew.
TOGETHER = ("tests/client/", "tests/test_readme.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first; those of one file stay together and in their order."""
    items.sort(key=lambda item: _turn(item.path.relative_to(TESTS)))


def _turn(path: Path) -> int:
    return next((turn for turn, longest in enumerate(LONGEST) if path.is_relative_to(longest)), len(LONGEST))


class Schedule(LoadFileScheduling):
    """A file to a process, and all files that share a platform to the same one."""

    def _split_scope(self, nodeid: str) -> str:
        return "those that share a platform" if nodeid.startswith(TOGETHER) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)  # whoever runs them without xdist does not know it
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Schedule | None:
    """Take ours for `--dist loadfile`, whose files then begin in the order in which they were collected."""
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return Schedule(config, log)
