"""The `imports` collection: archives on their way into a project; `storage.import_runs` is the side of the workers.

The document is the import. Its bytes come in pieces, each a file of the bucket `uploads`, stored first and then named
by one conditional update that also moves the offset on: of two parallel appends at the same offset one counts, and
what was acknowledged is durable. States: `uploading -> queued -> running -> succeeded | failed | cancelled`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, batches, every, shielded
from storage.files import Files, HeldFile, StoredFile
from storage.import_record import WITHOUT_LISTS, Import, ImportState, Piece, ended, import_of
from storage.order import Place, ordered
from utils import Conflict, NotFound, TooManyRequests, plural, utc_now

MOST_OPEN = 20
MOST_PIECES = 20_000
KEEP_HOURS = 24.0
_FULL_RETRY_SECONDS = 60
_NEW: Document = {
    "attempt": 0, "losses": 0, "validated": False, "done": 0, "progress": 0.0, "counts": {}, "classes_created": [],
    "findings": 0, "findings_left_out": 0, "found": [], "cancel_requested": False,
}  # fmt: skip
_NOT_ENDED = [state.value for state in ImportState if not state.ended]
_ENDED = [state.value for state in ImportState if state.ended]


@shielded
class Imports:
    """Imports, and the bytes that came for them.

    Attributes:
        COLLECTION: that holds them; `NOUN` is what one is called, and `REPORT` the file that comes of it.
        MOST_OPEN: of one user that have not ended.
        KEEP_HOURS: how long the bytes of one that has ended are kept for another try.
    """

    COLLECTION, NOUN, REPORT = "imports", "import", "report"
    MOST_OPEN, KEEP_HOURS = MOST_OPEN, KEEP_HOURS

    def __init__(self, database: Database[Document], uploads: Files, artifacts: Files, upload_hours: float):
        self._imports = database[self.COLLECTION]
        self._uploads = uploads
        self._artifacts = artifacts
        self._upload_time = timedelta(hours=upload_hours)

    def create_indexes(self) -> None:
        self._imports.create_index([("project_id", 1), ("created_at", -1), ("_id", -1)])
        self._imports.create_index([("state", 1), ("owner_id", 1), ("queued_at", 1)])
        self._imports.create_index([("owner_id", 1), ("started_at", -1)])
        self._imports.create_index("pieces.file_id")
        self._imports.create_index("report.file_id", sparse=True)
        self._imports.create_index("request_key", unique=True, sparse=True)
        self._imports.create_index("pieces_until", sparse=True)
        self._imports.create_index(
            [("owner_id", 1), ("slot", 1)], unique=True, partialFilterExpression={"active": True}, name="one_a_slot"
        )

    def create(
        self,
        project_id: ObjectId,
        owner_id: ObjectId,
        size: int,
        filename: str,
        options: dict[str, Any],
        request_key: str | None = None,
    ) -> Import:
        """Begin an upload of so many bytes.

        Each import that has not ended holds one of its owner's slots, so that parallel calls cannot pass the bound.

        Args:
            request_key: of the request that wants it; made again, it gives the import that it made before.

        Raises:
            TooManyRequests: the user has as many as allowed that have not ended.
        """
        row = {**_row(project_id, owner_id, size, filename, options), "expires_at": utc_now() + self._upload_time}
        if request_key:
            row["request_key"] = request_key
        return self._insert(row)

    def queue(self, project_id: ObjectId, owner_id: ObjectId, name: str, options: dict[str, Any]) -> Import | None:
        """Queue an import of what is stored already; gives none when one that wants the same is queued.

        Raises:
            TooManyRequests: as `create`.
        """
        same = {"project_id": project_id, "state": ImportState.QUEUED.value, "filename": name, "options": options}
        if self._imports.find_one(same, {"_id": 1}):
            return None
        row = _row(project_id, owner_id, 0, name, options)
        return self._insert({**row, "state": ImportState.QUEUED.value, "queued_at": utc_now()})

    def _insert(self, row: Document) -> Import:
        owner_id, request_key = row["owner_id"], row.get("request_key")
        while True:
            row["slot"] = self._free_slot(owner_id)
            try:
                self._imports.insert_one(row)
                return import_of(row)
            except DuplicateKeyError:
                if request_key and (made := self._imports.find_one({"request_key": request_key}, WITHOUT_LISTS)):
                    return import_of(made)
                # Another call of this user took the slot just now: look for the next.

    def _free_slot(self, owner_id: ObjectId) -> int:
        taken = set(self._imports.distinct("slot", {"owner_id": owner_id, "active": True}))
        free = next((slot for slot in range(self.MOST_OPEN) if slot not in taken), None)
        if free is None:
            raise TooManyRequests(
                f"you have {plural(self.MOST_OPEN, self.NOUN)} that have not ended, which is the most allowed: "
                "wait until one has, or cancel one",
                retry_after_seconds=_FULL_RETRY_SECONDS,
            )
        return free

    def put_piece(self, offset: int, content: bytes) -> Piece:
        """Store bytes that are not named by an import yet; `append` names them, or `drop` lets them go."""
        file = self._uploads.put(io.BytesIO(content), "piece")
        return Piece(file.id, offset, file.size, file.sha256)

    def drop(self, pieces: Sequence[Piece]) -> None:
        """Delete pieces that no import names."""
        self._uploads.delete(*(piece.file_id for piece in pieces))

    def append(self, record: Import, pieces: Sequence[Piece]) -> Import:
        """Let stored pieces follow what an import has; with its last byte it is queued.

        Raises:
            Conflict: it is not waiting for the bytes at this offset (any more); the pieces are deleted.
            NotFound: it is gone; likewise.
        """
        offset = pieces[0].offset
        reached = offset + sum(piece.size for piece in pieces)
        now = utc_now()
        change: Document = {"offset": reached, "updated_at": now, "expires_at": now + self._upload_time}
        if reached == record.size:
            change |= {"state": ImportState.QUEUED.value, "queued_at": now}
        row = self._imports.find_one_and_update(
            {
                "_id": record.id, "state": ImportState.UPLOADING.value, "offset": offset,
                f"pieces.{MOST_PIECES - len(pieces)}": {"$exists": False},
            },
            {"$set": change, "$push": {"pieces": {"$each": [vars(piece) for piece in pieces]}}},
            WITHOUT_LISTS,
            return_document=ReturnDocument.AFTER,
        )  # fmt: skip
        if row is None:
            self.drop(pieces)
            raise self.misplaced(self.get(record.id), offset)
        return import_of(row)

    def misplaced(self, record: Import, offset: int) -> Conflict:
        """Why bytes at an offset are not taken."""
        if record.state is not ImportState.UPLOADING:
            return Conflict(f"the {self.NOUN} takes no bytes any more: it is {record.state.value}")
        if record.offset != offset:
            return Conflict(
                f"the bytes begin at {offset:,}, and {record.offset:,} are stored: "
                "ask for the offset (HEAD) and go on from there"
            )
        return Conflict(f"the upload came in more than {MOST_PIECES:,} pieces: begin anew, with larger ones")

    def get(self, import_id: ObjectId) -> Import:
        """The import of this id.

        Raises:
            NotFound: there is none.
        """
        row = self._imports.find_one({"_id": import_id}, WITHOUT_LISTS)
        if row is None:
            raise NotFound(f"there is no {self.NOUN} '{import_id}'")
        return import_of(row)

    def pieces(self, import_id: ObjectId) -> list[Piece]:
        """Its bytes, in order; none when they are gone."""
        row = self._imports.find_one({"_id": import_id}, {"pieces": 1})
        return [Piece(**piece) for piece in row["pieces"]] if row else []

    def list_of(self, project_id: ObjectId, limit: int, after: Place | None = None) -> list[Import]:
        """Imports of a project, newest first.

        Args:
            after: the place behind which to go on.
        """
        return self._listed({"project_id": project_id}, limit, after)

    def _listed(self, query: Document, limit: int, after: Place | None) -> list[Import]:
        rows = ordered(self._imports, query, limit, after=after, projection=WITHOUT_LISTS)
        return [import_of(row) for row in rows]

    def cancel(self, import_id: ObjectId) -> None:
        """End an import that does not run, and ask its process to end one that does; an ended one stays as it is."""
        query = {"_id": import_id, "state": {"$in": [ImportState.UPLOADING.value, ImportState.QUEUED.value]}}
        change = [{"$set": ended(ImportState.CANCELLED, "cancelled", self.KEEP_HOURS)}]
        if not self._imports.update_one(query, change).modified_count:
            running = {"_id": import_id, "state": ImportState.RUNNING.value}
            self._imports.update_one(running, {"$set": {"cancel_requested": True}})

    def retry(self, import_id: ObjectId, owner_id: ObjectId, options: dict[str, Any]) -> Import:
        """Queue an ended import once more, from its beginning; what it imported before is still there.

        Raises:
            Conflict: it has not ended, or its bytes are gone or never came as a whole.
            TooManyRequests: the user has as many as allowed that have not ended.
        """
        query = {"_id": import_id, "state": {"$in": _ENDED}, "pieces_until": {"$gt": utc_now()}}
        query["$expr"] = {"$eq": ["$offset", "$size"]}
        gone = dict.fromkeys(("error", "finished_at", "report", "pieces_until", "format"), "")
        now = utc_now()
        fresh = {**_NEW, "state": ImportState.QUEUED.value, "owner_id": owner_id, "options": options, "queued_at": now}
        while True:
            slot = {"active": True, "slot": self._free_slot(owner_id), "updated_at": now}
            try:
                row = self._imports.find_one_and_update(
                    query, {"$set": {**fresh, **slot}, "$inc": {"run": 1}, "$unset": gone}
                )
                break
            except DuplicateKeyError:
                continue
        if row is None:
            raise self._cannot_be_retried(self.get(import_id))
        self._delete_report(row)
        return self.get(import_id)

    def _cannot_be_retried(self, record: Import) -> Conflict:
        if not record.state.ended:
            return Conflict(f"the import is {record.state.value}: cancel it first, or wait for its end")
        return Conflict("the bytes of this import are not kept any more, or never came as a whole: upload it again")

    def delete(self, import_id: ObjectId) -> None:
        """Delete an import with its bytes and its report; one that runs is given up. Images that came of it stay."""
        row = self._imports.find_one_and_delete({"_id": import_id})
        if row:
            self._uploads.delete(*(piece["file_id"] for piece in row["pieces"]))
            self._delete_report(row)

    def _delete_report(self, row: Document) -> None:
        if row.get("report"):
            self._artifacts.delete(row["report"]["file_id"])

    def delete_project(self, project_id: ObjectId) -> None:
        """Delete all imports of a project."""
        for row in list(self._imports.find({"project_id": project_id}, {"_id": 1})):
            self.delete(row["_id"])

    def give_up(self) -> int:
        """End uploads for which no bytes came for long; gives how many."""
        hours = self._upload_time.total_seconds() / 3600
        reason = f"the upload was not finished: no bytes came for {hours:g} h"
        query = {"state": ImportState.UPLOADING.value, "expires_at": {"$lt": utc_now()}}
        return self._imports.update_many(query, [{"$set": ended(ImportState.FAILED, reason, 0)}]).modified_count

    def drop_pieces(self) -> int:
        """Delete the bytes of imports that have ended and are not to be tried again; gives of how many."""
        due = {"state": {"$in": _ENDED}, "pieces_until": {"$lt": utc_now()}, "pieces.0": {"$exists": True}}
        dropped = 0
        while row := self._imports.find_one_and_update(due, {"$set": {"pieces": []}}, {"pieces": 1}):
            self._uploads.delete(*(piece["file_id"] for piece in row["pieces"]))
            dropped += 1
        return dropped

    def tidy(self) -> None:
        """Give up and delete what is due; to be called now and then."""
        self.give_up()
        self.drop_pieces()

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects that have imports, whether or not they still exist."""
        return self._imports.distinct("project_id")

    def pieces_referenced(self, file_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the files that are pieces of an import."""
        rows = self._imports.find({"pieces.file_id": {"$in": file_ids}}, {"pieces.file_id": 1})
        return {piece["file_id"] for row in rows for piece in row["pieces"]} & set(file_ids)

    def reports_referenced(self, file_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the files that are reports."""
        rows = self._imports.find({"report.file_id": {"$in": file_ids}}, {"report.file_id": 1})
        return {row["report"]["file_id"] for row in rows}

    def held_pieces(self) -> Iterator[HeldFile]:
        """Every piece of every import."""
        for row in every(self._imports, {"pieces.0": {"$exists": True}}, {"project_id": 1, "pieces": 1}):
            for piece in row["pieces"]:
                file = StoredFile(piece["file_id"], piece["sha256"], piece["size"])
                yield HeldFile(file, row["project_id"], row["_id"], f"the upload of {self.NOUN} {row['_id']}")

    def held_reports(self) -> Iterator[HeldFile]:
        """The report of every import."""
        for row in every(self._imports, {"report": {"$exists": True}}, {"project_id": 1, "report": 1}):
            file = StoredFile(row["report"]["file_id"], row["report"]["sha256"], row["report"]["size"])
            yield HeldFile(file, row["project_id"], row["_id"], f"the {self.REPORT} of {self.NOUN} {row['_id']}")

    def forget_report(self, import_id: ObjectId, file_id: ObjectId) -> None:
        """Do without a report whose file is lost."""
        self._imports.update_one({"_id": import_id, "report.file_id": file_id}, {"$unset": {"report": ""}})
        self._artifacts.delete(file_id)

    def forget_pieces(self, import_id: ObjectId) -> None:
        """Give up an import of which bytes are lost; what it imported stays."""
        reason = "bytes of the upload were lost: upload it again"
        query = {"_id": import_id, "state": {"$in": _NOT_ENDED}}
        self._imports.update_one(query, [{"$set": ended(ImportState.FAILED, reason, 0)}])
        row = self._imports.find_one_and_update({"_id": import_id}, {"$set": {"pieces": []}}, {"pieces": 1})
        if row:
            for batch in batches(piece["file_id"] for piece in row["pieces"]):
                self._uploads.delete(*batch)


def _row(project_id: ObjectId, owner_id: ObjectId, size: int, filename: str, options: dict[str, Any]) -> Document:
    now = utc_now()
    return {
        **_NEW, "project_id": project_id, "owner_id": owner_id, "size": size, "offset": 0, "filename": filename,
        "options": options, "run": 1, "state": ImportState.UPLOADING.value, "active": True, "pieces": [],
        "created_at": now, "updated_at": now,
    }  # fmt: skip
