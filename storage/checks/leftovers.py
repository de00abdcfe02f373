"""Checks for what interrupted steps leave over: the sweeper's rules, counted instead of removed."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from bson import ObjectId

from storage.checks.check import Check, Finding, Look
from storage.leftovers import Leftover

_REMEDY = "the sweeper of a running worker removes it"


def nothing_left_over(kind: Leftover) -> Check:
    """The check that there is none of a kind. What a step under way is about to remove is none."""
    return Check(kind.rule, functools.partial(_find, kind), settles=True)


def _find(kind: Leftover, look: Look) -> Iterator[Finding]:
    for found in kind.find(look.store, look.before, look.each):
        for one in sorted(found):
            yield Finding(kind.told.format(one), _REMEDY, functools.partial(_remove, kind, look, one))


def _remove(kind: Leftover, look: Look, one: ObjectId) -> str:
    kind.remove(look.store, {one})
    return "removed"
