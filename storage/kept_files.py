"""The `kept_files` collection: image files that versions of a dataset name, which therefore stay stored.

A list of them is written before its version counts. `Images` asks here before it deletes a file, and asks after its own
document has let go of it. So whoever has written a list, and then sees images that still refer to the files in it, may
rely on these files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from bson import ObjectId

from storage.database import Database, Document, batches, every, shielded
from storage.files import HeldFile, StoredFile

_FILES_A_LIST = 1000


@shielded
class KeptFiles:
    """Lists of files, each of one version; a version of many images has several."""

    def __init__(self, database: Database[Document]):
        self._kept = database["kept_files"]

    def create_indexes(self) -> None:
        self._kept.create_index("files.file_id")
        self._kept.create_index("version_id")
        self._kept.create_index("project_id")

    def keep(self, project_id: ObjectId, version_id: ObjectId, files: Iterable[StoredFile]) -> None:
        """Keep files for a version that is about to be made."""
        unique = list({file.id: file for file in files}.values())
        for start in range(0, len(unique), _FILES_A_LIST):
            part = unique[start : start + _FILES_A_LIST]
            rows = [{"file_id": file.id, "sha256": file.sha256, "size": file.size} for file in part]
            self._kept.insert_one({"project_id": project_id, "version_id": version_id, "files": rows})

    def kept(self, file_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the files that are kept."""
        rows = self._kept.find({"files.file_id": {"$in": file_ids}}, {"files.file_id": 1})
        return {item["file_id"] for row in rows for item in row["files"]} & set(file_ids)

    def contents(self, version_ids: list[ObjectId]) -> dict[str, ObjectId]:
        """The file of each content that these versions keep, by SHA-256; any of those that are equal."""
        rows = self._kept.find({"version_id": {"$in": version_ids}}, {"files": 1})
        return {item["sha256"]: item["file_id"] for row in rows for item in row["files"]}

    def forget(self, version_ids: Iterable[ObjectId]) -> list[ObjectId]:
        """Forget the lists of versions that count no more; gives the files in them, which others may keep."""
        query = {"version_id": {"$in": list(version_ids)}}
        file_ids = [item["file_id"] for row in self._kept.find(query, {"files.file_id": 1}) for item in row["files"]]
        self._kept.delete_many(query)
        return file_ids

    def version_ids(self, before: datetime) -> Iterator[ObjectId]:
        """Versions, made or not, for which lists were written before `moment`; some more than once."""
        query = {"_id": {"$lt": ObjectId.from_datetime(before)}}
        return (row["version_id"] for row in every(self._kept, query, {"version_id": 1}))

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects that have lists, whether or not they still exist."""
        return self._kept.distinct("project_id")

    def delete_project(self, project_id: ObjectId) -> list[ObjectId]:
        """Forget all lists of a project; gives the files in them."""
        rows = self._kept.find({"project_id": project_id}, {"version_id": 1})
        return self.forget({row["version_id"] for row in rows})

    def held(self) -> Iterator[HeldFile]:
        """Every file in a list, once for each project."""
        for project_id in self.project_ids():
            seen: set[ObjectId] = set()
            for row in every(self._kept, {"project_id": project_id}):
                for item in row["files"]:
                    if item["file_id"] not in seen:
                        seen.add(item["file_id"])
                        file = StoredFile(item["file_id"], item["sha256"], item["size"])
                        yield HeldFile(file, project_id, row["version_id"], "an image of a version of the dataset")


def without_kept(kept: KeptFiles, file_ids: Iterable[ObjectId]) -> Iterator[list[ObjectId]]:
    """Those of the files that no version keeps, in batches."""
    for batch in batches(file_ids):
        still = kept.kept(batch)
        yield [file_id for file_id in batch if file_id not in still]
