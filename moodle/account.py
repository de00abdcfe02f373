"""What the backend keeps of an account, and how it is taken away or deleted."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterator

from moodle.shelves.protocol import Shelf
from utils import Unavailable

logger = logging.getLogger(__name__)


def account_files(shelf: Shelf, owner: str) -> Iterator[tuple[str, bytes]]:
    """Paths and contents of every model and log: a folder a model, as an export gives it.

    Args:
        owner: the id of an account, as text.
    """
    for held in shelf.held(owner):
        stored = held.read()
        if stored is None:
            continue  # deleted meanwhile
        folder = f"moodle/{held.group[:16]}-{held.folder[:16]}"
        if held.ids:
            about = {"uniqueid": held.ids.uniqueid, "dirhash": held.ids.dirhash}
            yield f"{folder}/about-{held.name}.json", json.dumps(about, ensure_ascii=False, indent=1).encode()
        yield f"{folder}/{held.name}.zip", stored.content


def delete_those_gone(shelf: Shelf, gone: Callable[[Collection[str]], Collection[str]]) -> None:
    """Delete what is left of accounts that are gone; a shelf that does not answer is looked through another time.

    Args:
        gone: those of some owners that have no account any more.
    """
    try:
        for owner in gone(shelf.owners()):
            shelf.delete_owner(owner)
    except Unavailable as error:
        logger.warning("models of accounts that are gone could not be looked for: %s", error.detail)
