"""Models in DIYML's own database."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from moodle.ids import Key, ModelIds
from moodle.shelves.protocol import Held, Stored
from storage.moodle_objects import MoodleObjects, ObjectName


class DatabaseShelf:
    """See `Shelf`."""

    def __init__(self, objects: MoodleObjects):
        self._objects = objects

    def version(self, key: Key) -> str | None:
        """See `Shelf.version`."""
        return self._objects.version(_name(key))

    def read(self, key: Key) -> Stored | None:
        """See `Shelf.read`."""
        found = self._objects.read(_name(key))
        return found and Stored(*found)

    def write(self, key: Key, content: bytes, expected: str | None) -> bool:
        """See `Shelf.write`."""
        return self._objects.write(_name(key), content, expected)

    def logs(self, ids: ModelIds) -> list[Key]:
        """See `Shelf.logs`."""
        names = self._objects.names(ids.owner, ids.uniqueid, ids.dirhash)
        return [ids.log(n) for n in sorted(int(name[4:]) for name in names if name.startswith("log-"))]

    def delete(self, *keys: Key) -> None:
        """See `Shelf.delete`."""
        for key in keys:
            self._objects.delete(_name(key))

    def delete_all(self, ids: ModelIds) -> None:
        """See `Shelf.delete_all`."""
        self._objects.delete_all(ids.owner, ids.uniqueid)

    def owners(self) -> list[str]:
        """See `Shelf.owners`."""
        return [str(user_id) for user_id in self._objects.user_ids()]

    def held(self, owner: str) -> Iterator[Held]:
        """See `Shelf.held`."""
        for name in self._objects.of_owner(owner):
            key = Key(ModelIds(owner, name.uniqueid, name.dirhash), name.name)
            group = key.group.rpartition("/")[2]
            yield Held(group, key.folder, key.name, key.ids, partial(self.read, key))

    def delete_owner(self, owner: str) -> None:
        """See `Shelf.delete_owner`."""
        self._objects.delete_owner(owner)


def _name(key: Key) -> ObjectName:
    return ObjectName(key.ids.owner, key.ids.uniqueid, key.ids.dirhash, key.name)
