"""The `moodle_objects` collection: models and logs of Moodle's backend, each one file of the bucket `moodle`."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Collection, Iterator
from dataclasses import astuple, dataclass

from bson import ObjectId
from bson.errors import InvalidId
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, every, shielded
from storage.files import Files, HeldFile, StoredFile
from utils import NotFound, utc_now

_FIELDS = ("owner", "uniqueid", "dirhash", "name")
_TRIES = 5


@dataclass(frozen=True)
class ObjectName:
    """Whose object, of which model, in which folder, and which of its objects: texts, all of them chosen elsewhere.

    Attributes:
        owner: the id of an account as text; empty for those whom the operator names in the environment.
    """

    owner: str
    uniqueid: str
    dirhash: str
    name: str

    @property
    def id(self) -> str:
        """One name of bounded length; equal for equal names only."""
        return hashlib.sha256(json.dumps(astuple(self)).encode()).hexdigest()


@shielded
class MoodleObjects:
    """Objects that are replaced as a whole: the file is written first, then the one document that makes it count."""

    def __init__(self, database: Database[Document], files: Files):
        self._objects = database["moodle_objects"]
        self._files = files

    def create_indexes(self) -> None:
        self._objects.create_index([("owner", 1), ("uniqueid", 1), ("dirhash", 1)])
        self._objects.create_index("file")

    def version(self, name: ObjectName) -> str | None:
        """What is another one after every write; None when there is no such object."""
        row = self._objects.find_one({"_id": name.id}, {"file": 1})
        return str(row["file"]) if row else None

    def read(self, name: ObjectName) -> tuple[bytes, str] | None:
        """Content and version of an object, or None."""
        for _ in range(_TRIES):
            version = self.version(name)
            if version is None:
                return None
            try:
                return self._files.read(ObjectId(version)), version
            except NotFound:  # replaced between the two steps: there is a newer one, or none
                continue
        raise NotFound("the file is not stored any more")

    def write(self, name: ObjectName, content: bytes, expected: str | None) -> bool:
        """Put an object in place of the version that is expected; see `version`.

        Returns:
            Whether it was there; if not, nothing is changed.
        """
        file = self._files.put(io.BytesIO(content), name.name)
        row = {"file": file.id, "sha256": file.sha256, "size": file.size, "updated_at": utc_now()}
        named = dict(zip(_FIELDS, astuple(name), strict=True))
        if not self._place(name.id, {**named, **row}, expected):
            self._files.delete(file.id)
            return False
        if expected is not None:
            self._files.delete(ObjectId(expected))
        return True

    def _place(self, object_id: str, row: Document, expected: str | None) -> bool:
        if expected is not None:
            query = {"_id": object_id, "file": ObjectId(expected)}
            return bool(self._objects.update_one(query, {"$set": row}).matched_count)
        try:
            self._objects.insert_one({"_id": object_id, **row})
        except DuplicateKeyError:
            return False
        return True

    def names(self, owner: str, uniqueid: str, dirhash: str) -> list[str]:
        """Which objects a folder of a model has."""
        rows = self._objects.find({"owner": owner, "uniqueid": uniqueid, "dirhash": dirhash}, {"name": 1})
        return [row["name"] for row in rows]

    def of_owner(self, owner: str) -> Iterator[ObjectName]:
        """Everything of an account, by its id as text."""
        for row in every(self._objects, {"owner": owner}):
            yield ObjectName(*(row[name] for name in _FIELDS))

    def delete(self, name: ObjectName) -> None:
        """Delete an object; none is no error."""
        row = self._objects.find_one_and_delete({"_id": name.id}, {"file": 1})
        if row:
            self._files.delete(row["file"])

    def delete_all(self, owner: str, uniqueid: str) -> None:
        """Delete every object of a model."""
        self._delete({"owner": owner, "uniqueid": uniqueid})

    def delete_user(self, user_id: ObjectId) -> None:
        """Delete everything of an account."""
        self.delete_owner(str(user_id))

    def delete_owner(self, owner: str) -> None:
        """The same, by its id as text."""
        self._delete({"owner": owner})

    def _delete(self, query: Document) -> None:
        for row in every(self._objects, query, {"file": 1}):
            self._objects.delete_one({"_id": row["_id"]})
            self._files.delete(row["file"])

    def user_ids(self) -> list[ObjectId]:
        """Ids of all accounts that have objects, whether or not they still exist."""
        return [ObjectId(owner) for owner in self._objects.distinct("owner") if _is_id(owner)]

    def referenced(self, file_ids: Collection[ObjectId]) -> set[ObjectId]:
        """Those of the files that are an object's."""
        rows = self._objects.find({"file": {"$in": list(file_ids)}}, {"file": 1})
        return {row["file"] for row in rows}

    def held(self) -> Iterator[HeldFile]:
        """Every file, with the object that it is of; there is no project that it belongs to."""
        for row in every(self._objects, {}):
            file = StoredFile(row["file"], row["sha256"], row["size"])
            yield HeldFile(file, row["file"], row["file"], f"{row['name']} of Moodle's model '{row['uniqueid'][:50]}'")


def _is_id(owner: str) -> bool:
    try:
        return bool(ObjectId(owner))
    except InvalidId:
        return False
