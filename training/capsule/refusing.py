"""Why a capsule is not taken."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import TypeVar

from utils import InvalidInput

_MOST_NAME_CHARACTERS = 100
K = TypeVar("K", int, str)


def refused(why: str) -> InvalidInput:
    """What to raise."""
    return InvalidInput(f"this is no capsule that can be taken: {why}")


def check_name(name: str, noun: str, slashes: bool = False) -> None:
    """See that a name may be one here.

    Raises:
        InvalidInput: it may not.
    """
    odd = any(unicodedata.category(one) in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") for one in name)
    separated = not slashes and ("/" in name or "\\" in name or name in (".", ".."))
    if odd or separated or name.strip() != name or not 0 < len(name) <= _MOST_NAME_CHARACTERS:
        raise refused(f"the name of a {noun}, {name[:50]!a}, is none that may be given here")


def unique(what: str, values: Iterable[K]) -> set[K]:
    """The values, each of which may be there once.

    Raises:
        InvalidInput: one is there twice.
    """
    listed = list(values)
    if len(listed) != len(set(listed)):
        raise refused(f"a {what} is in it twice")
    return set(listed)
