"""What an algorithm needs of its numbers."""

from __future__ import annotations

from enum import Enum


class Plan(str, Enum):
    """Numbers as they are, with gaps filled, or with gaps filled and scaled."""

    RAW = "raw"
    FILLED = "filled"
    SCALED = "scaled"
