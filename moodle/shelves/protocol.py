"""What every shelf can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from moodle.ids import Key, ModelIds


@dataclass(frozen=True)
class Stored:
    """An object; `version` is another one after every change."""

    content: bytes
    version: str


@dataclass(frozen=True)
class Held:
    """An object that is an account's.

    Attributes:
        group, folder, name: as its key has them.
        ids: what names it; None where only hashes of that are kept.
        read: gives it; None when it is gone.
    """

    group: str
    folder: str
    name: str
    ids: ModelIds | None
    read: Callable[[], Stored | None]


class Shelf(Protocol):
    """Holds objects. One is there as a whole or not at all, whenever and from wherever it is looked at."""

    def version(self, key: Key) -> str | None:
        """The version of an object; None when there is none."""
        ...

    def read(self, key: Key) -> Stored | None:
        """An object; None when there is none."""
        ...

    def write(self, key: Key, content: bytes, expected: str | None) -> bool:
        """Put an object in place of the version that is expected, or where None is expected to be.

        Returns:
            Whether it was so; if not, somebody else has written meanwhile, and nothing is changed.
        """
        ...

    def logs(self, ids: ModelIds) -> list[Key]:
        """The logs that a model has, oldest first by their numbers."""
        ...

    def delete(self, *keys: Key) -> None:
        """Delete objects; those that are not there are none."""
        ...

    def delete_all(self, ids: ModelIds) -> None:
        """Delete everything under the owner's uniqueid, whatever the dirhash."""
        ...

    def owners(self) -> list[str]:
        """The accounts that have objects; those whom the operator names are none."""
        ...

    def held(self, owner: str) -> Iterator[Held]:
        """Everything of an account."""
        ...

    def delete_owner(self, owner: str) -> None:
        """Delete everything of an account."""
        ...
