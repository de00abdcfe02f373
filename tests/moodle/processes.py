"""The processes that tasks are forked from, as the system lists them."""

from __future__ import annotations

from contextlib import suppress

import psutil


def fork_servers(process: psutil.Process) -> set[psutil.Process]:
    """Those below a process, their forks included; none that has ended."""
    found = set()
    for each in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a zombie is none either
            if "moodle.fork_server" in each.cmdline():
                found.add(each)
    return found
