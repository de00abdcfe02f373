"""What a training runs in: the code, the libraries, the device. Asked inside the training process."""

from __future__ import annotations

import hashlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from environments import shows_no_gpu
from utils import VERSION

_CHUNK_BYTES = 1024 * 1024
_LIBRARIES = ("torch", "torchvision", "ultralytics", "onnx", "onnxruntime", "numpy", "pillow", "scikit-learn", "polars")
# One library under two names; which of them is there is a matter of displays.
_OPENCV = ("opencv-python-headless", "opencv-python")
# What a training's result can depend on: how data are read and split, and everything that trains and scores.
_SOURCES = ("utils.py", "datasets/**/*.py", "inference/**/*.py", "training/**/*.py")


def environment() -> dict[str, Any]:
    """Version and source hash of DIYML, library versions, and the device."""
    return {"diyml": VERSION, "code_sha256": code_sha256(), "libraries": libraries(), "device": device()}


def libraries() -> dict[str, str]:
    """Versions by name of Python and of the libraries that trainers use."""
    found = {name: installed for name in _LIBRARIES if (installed := _version(name))}
    opencv = next(filter(None, map(_version, _OPENCV)), None)
    return {"python": platform.python_version(), **found, **({"opencv": opencv} if opencv else {})}


def code_sha256() -> str:
    """SHA-256 over names and contents of the source files that train.

    It tells apart what a version number does not: a checkout between two versions, or a change of one's own.
    """
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for path in sorted(path for pattern in _SOURCES for path in root.glob(pattern)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}:{len(content)}:".encode() + content)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, such as one with pretrained weights."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def device() -> dict[str, Any]:
    """Kind (`cpu` or `gpu`) and name of what is computed on, the CPU's model, and how many of its cores may be used.

    Only torch knows a GPU, and it takes seconds to import: it is not asked where none is to be seen.
    """
    cpu, gpu = _cpu_model(), None if shows_no_gpu() else _gpu_name()
    return {"kind": "gpu" if gpu else "cpu", "name": gpu or cpu, "cpu": cpu, "threads": _cores()}


def _gpu_name() -> str | None:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # only Linux has it
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())
