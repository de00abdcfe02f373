"""What trainings run on: the devices that workers have, and which of them a job asks for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class DeviceKind(str, Enum):
    """Kinds of devices; a device runs one job at a time."""

    CPU = "cpu"
    GPU = "gpu"


class DeviceChoice(str, Enum):
    """What a job asks for."""

    ANY = "any"
    CPU = "cpu"
    GPU = "gpu"

    @property
    def kinds(self) -> tuple[DeviceKind, ...]:
        """The kinds that will do."""
        return tuple(DeviceKind) if self is DeviceChoice.ANY else (DeviceKind(self.value),)

    @classmethod
    def served_by(cls, kind: DeviceKind) -> tuple[DeviceChoice, ...]:
        """What a job may ask for to run on a device of this kind."""
        return tuple(choice for choice in cls if kind in choice.kinds)


@dataclass(frozen=True)
class Device:
    """One device of one worker.

    Attributes:
        index: counts the worker's GPUs from 0; 0 for the CPU.
        name: of the model, such as `NVIDIA H200`.
        memory_bytes: all it has.
    """

    kind: DeviceKind
    index: int
    name: str
    memory_bytes: int

    def __str__(self) -> str:
        return f"gpu:{self.index}" if self.kind is DeviceKind.GPU else self.kind.value

    def to_row(self) -> dict[str, Any]:
        """The device as a document keeps it."""
        return {"kind": self.kind.value, "index": self.index, "name": self.name, "memory_bytes": self.memory_bytes}


def device_of(row: dict[str, Any]) -> Device:
    """The device that a document keeps."""
    return Device(DeviceKind(row["kind"]), row["index"], row["name"], row["memory_bytes"])


A_CPU = Device(DeviceKind.CPU, 0, "CPU", 0)
