"""The commands of the server, where one is installed beside the client."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence

COMMANDS = {
    "serve": "Start everything: database, worker and web server.",
    "worker": "Start a worker alone, for a platform on another machine.",
    "web": "Start the web server alone, for a platform of several machines.",
    "moodle": "Start Moodle's machine-learning backend alone.",
    "fsck": "Check the database, and mend what can be mended.",
    "status": "Say what runs on the data folder.",
    "workers": "List the workers on all machines.",
    "stop": "End what runs on the data folder (without a JOB).",
}
_MODULE = "launch.cli"
_OPTIONS = ("--host", "--port")


def is_installed() -> bool:
    """Whether the server is here too."""
    try:
        return importlib.util.find_spec(_MODULE) is not None
    except (ImportError, ValueError):
        return False


def is_meant(arguments: Sequence[str]) -> bool:
    """Whether a command line is the server's: without a command it starts the platform, as it always did."""
    if not arguments:
        return True
    first = arguments[0]
    if first == "stop":
        # With a job behind it, it is the training that is to stop.
        return len(arguments) == 1
    return first in COMMANDS or first.split("=")[0] in _OPTIONS


def run(arguments: Sequence[str]) -> int:
    """Run a command of the server."""
    # By name, since the client knows nothing of the server and works without it.
    return int(importlib.import_module(_MODULE).main(list(arguments)))
