"""Removes what an interrupted step left over; `storage.leftovers` says what that is."""

from __future__ import annotations

from datetime import datetime, timedelta

from storage.leftovers import LEFTOVERS, Leftover
from storage.store import Store
from utils import utc_now

GRACE = timedelta(hours=1)


def sweep(store: Store, grace: timedelta = GRACE) -> dict[str, int]:
    """Remove what belongs to nobody.

    Args:
        grace: files and models younger than this may belong to a step that is still under way and stay.

    Returns:
        How many of each kind were removed.
    """
    before = utc_now() - grace
    return {kind.name: _remove(store, kind, before) for kind in LEFTOVERS}


def _remove(store: Store, kind: Leftover, before: datetime) -> int:
    removed = 0
    for found in kind.find(store, before):
        kind.remove(store, found)
        removed += len(found)
    return removed
