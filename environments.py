"""The environments of child processes, and what libraries read from ours."""

from __future__ import annotations

import os
from pathlib import Path

from settings import Settings

_INHERITED = (
    "PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
)  # fmt: skip


def child_environment(settings: Settings, **more: str) -> dict[str, str]:
    """The environment of a child process: ours, the settings as they are now, and `more`."""
    return {**os.environ, **settings.to_environment(), **more}


def scrubbed_environment(**extra: str) -> dict[str, str]:
    """An environment for a process that may know no address and no secret; it finds the project's modules.

    Threads that wait sleep instead of spinning: next to any other busy process spinning made a small training on two
    cores more than eight times as slow. GPUs are numbered as nvidia-smi shows them; CUDA's own order has the fastest
    first.
    """
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    fixed = {"ORT_DISABLE_TELEMETRY": "1", "PYTHONPATH": str(Path(__file__).resolve().parent), "PYTHONUNBUFFERED": "1"}
    usual = {"OMP_WAIT_POLICY": "PASSIVE", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    return {**usual, **kept, **fixed, **extra}


def shows_no_gpu() -> bool:
    """Whether whoever started this process has hidden every GPU from it."""
    return os.environ.get("CUDA_VISIBLE_DEVICES") == ""


def set_environment(**variables: str) -> None:
    """Set variables for this process and what it starts, whatever they were."""
    os.environ.update(variables)


def configure_libraries(**variables: str) -> None:
    """Set variables that libraries read from the environment when they are imported; what the operator set stays."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)
