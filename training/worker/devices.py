"""The devices that a worker trains on: what the setting asks for, and what is there."""

from __future__ import annotations

import logging
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from settings import SettingsError
from storage.device import Device, DeviceKind
from training.worker.gpus import Found, Gpu, find_gpus, has_driver

logger = logging.getLogger(__name__)

AUTO, CPU, EVERY_GPU = "auto", "cpu", "gpu"
_ONE = re.compile(r"cpu|gpu|gpu:\d{1,3}")


class DeviceMissing(RuntimeError):
    """A device that the operator named is not there; the message is for the operator."""


@dataclass(frozen=True)
class LocalDevice(Device):
    """A device of this machine.

    Attributes:
        visible: the CUDA_VISIBLE_DEVICES of a process that may use it and no other.
    """

    visible: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """Variables for a training process on it."""
        return {"CUDA_VISIBLE_DEVICES": self.visible}


def parse(text: str) -> list[str]:
    """The entries of the setting: `auto` alone, or any of `cpu`, `gpu` for every GPU, `gpu:<number>`.

    Raises:
        SettingsError: it says something else.
    """
    names = [name.strip().lower() for name in text.split(",")]
    if names == [AUTO]:
        return names
    if not all(map(_ONE.fullmatch, names)):
        raise SettingsError(f"DIYML_DEVICES must be auto or a list such as cpu, gpu, gpu:0,gpu:1,cpu; got '{text}'")
    if len(set(names)) < len(names) or (EVERY_GPU in names and any(name.startswith("gpu:") for name in names)):
        raise SettingsError(f"DIYML_DEVICES names a device twice: '{text}'; a device runs one training at a time")
    return names


def find_devices(text: str, look: Callable[[], Found] = find_gpus) -> list[LocalDevice]:
    """The devices that the setting asks for.

    Args:
        look: asks PyTorch for its GPUs; not called when the setting does not want any, or there cannot be one.

    Raises:
        SettingsError: the setting cannot be read.
        DeviceMissing: it names one that is not there.
    """
    names = parse(text)
    if names == [AUTO]:
        return _every_gpu() if has_driver() else [the_cpu()]
    found = look() if wants_gpu(names) else Found(())
    devices: list[LocalDevice] = []
    for name in names:
        devices += [the_cpu()] if name == CPU else _gpus(name, found)
    return devices


def wants_gpu(names: list[str]) -> bool:
    """Whether entries of the setting name a GPU."""
    return any(name.startswith(EVERY_GPU) for name in names)


def the_cpu() -> LocalDevice:
    """The processor of this machine, with all its memory."""
    return LocalDevice(DeviceKind.CPU, 0, _cpu_name(), psutil.virtual_memory().total)


def _every_gpu() -> list[LocalDevice]:
    found = find_gpus()
    if not found.gpus:
        logger.warning("PyTorch can use no NVIDIA GPU, trainings run on the CPU%s", _because(found))
        return [the_cpu()]
    return [_gpu(index, gpu) for index, gpu in enumerate(found.gpus)]


def _gpus(name: str, found: Found) -> list[LocalDevice]:
    """Args: name: `gpu` or `gpu:<number>`."""
    every = [_gpu(index, gpu) for index, gpu in enumerate(found.gpus)]
    wanted = every if name == EVERY_GPU else [gpu for gpu in every if str(gpu) == name]
    if wanted:
        return wanted
    if not every:
        raise DeviceMissing(
            f"DIYML_DEVICES asks for '{name}', but PyTorch can use no NVIDIA GPU here{_because(found)}. "
            "See that nvidia-smi shows it, or set DIYML_DEVICES to cpu or auto"
        )
    there = ", ".join(f"{gpu} ({gpu.name})" for gpu in every)
    raise DeviceMissing(f"DIYML_DEVICES asks for '{name}', but there is only {there}. Name one of these, or auto")


def _gpu(index: int, gpu: Gpu) -> LocalDevice:
    return LocalDevice(DeviceKind.GPU, index, gpu.name, gpu.memory_bytes, gpu.visible)


def _because(found: Found) -> str:
    return f" ({found.said})" if found.said else ""


def _cpu_name() -> str:
    try:  # only Linux has this, and on some processors it names no model
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
