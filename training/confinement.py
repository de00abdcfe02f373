"""What a training process does to itself at its start, so that its end is clean and tells why."""

from __future__ import annotations

import ctypes
import faulthandler
import resource
from contextlib import suppress
from pathlib import Path

from utils import step_back

_PR_SET_CHILD_SUBREAPER = 36
_FIRST_TO_GO = "1000"


def confine(niceness: int) -> None:
    """Prepare this process, and whatever it starts, for an end that may come at any moment.

    A crash leaves its stack in the output and no memory image on the disk. When memory runs out the kernel takes this
    process before database and web server. It gets the time that they and inference leave, as somebody waits for each
    of their answers and nobody for a batch. Processes that lose their parents become children of this one, so that
    none can leave the tree while it lives.

    Args:
        niceness: 0 to 19.
    """
    step_back(niceness)
    faulthandler.enable(all_threads=False)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # only Linux has it
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
    with suppress(AttributeError):  # likewise
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
