"""How much a table may be, so that no file takes the platform down."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Bounds:
    """The most that is taken; sizes in bytes, of the data after unpacking."""

    columns: int = 5_000
    rows: int = 50_000_000
    cell: int = 64 * 1024
    row: int = 16 * MIB
    file: int = 2 * 1024 * MIB


BOUNDS = Bounds()
