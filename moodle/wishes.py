"""What an evaluation is asked for, as texts that came by a form or as arguments of a process."""

from __future__ import annotations

import math

from utils import InvalidInput

_MOST_ROUNDS = 1000


def score(name: str, text: str) -> float:
    """A number from 0 to 1.

    Args:
        name: of what holds it, for the message.

    Raises:
        InvalidInput: it is none.
    """
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found <= 1:
        raise InvalidInput(f"{name} must be a number from 0 to 1, got {text[:50]!r}")
    return found


def rounds(name: str, text: str) -> int:
    """How many rounds: 1 to 1000.

    Raises:
        InvalidInput: it is none.
    """
    found = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(_MOST_ROUNDS)) else 0
    if not 1 <= found <= _MOST_ROUNDS:
        raise InvalidInput(f"{name} must be 1..{_MOST_ROUNDS}, got {text[:50]!r}")
    return found
