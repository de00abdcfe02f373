"""The `jobs` collection: what people do with trainings. `storage.job_runs` is the side of the workers.

A job document with a lease is the job; queue messages only wake workers up. States: `queued -> running -> succeeded |
failed | cancelled`, each change one conditional update.

What happens to a job is numbered by its document: a change of state records itself in the write that makes it, and a
heartbeat reserves numbers for the events it is about to write (`storage.job_events`). So no change can be missed, and
no stale attempt gets a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from storage.attempts import delete_checkpoint
from storage.database import Database, Document, every, shielded
from storage.device import DeviceChoice, DeviceKind
from storage.experiment import SentExperiment
from storage.files import Files, HeldFile, StoredFile
from storage.job import WITHOUT_BULK, Job, JobState, job_of, queued_job, told
from storage.job_queue import free_slot, next_turns, turn_field
from storage.order import Place, ordered
from storage.projects import Project
from utils import Conflict, NotFound

_TAKEN_BY_TURNS = {"slot", *map(turn_field, DeviceKind)}


@shielded
class Jobs:
    """Trainings."""

    def __init__(self, database: Database[Document], files: Files, queued_per_user: int):
        self._jobs = database["jobs"]
        self._files = files
        self._queued_per_user = queued_per_user

    def create_indexes(self) -> None:
        self._jobs.create_index("project_id", unique=True, partialFilterExpression={"active": True}, name="one_active")
        self._jobs.create_index([("project_id", 1), ("created_at", -1), ("_id", -1)])
        self._jobs.create_index([("project_id", 1), ("dataset_version", 1)])
        for kind in DeviceKind:
            turn = turn_field(kind)
            self._jobs.create_index([("state", 1), (turn, 1), ("created_at", 1)])
            self._jobs.create_index(
                [("owner_id", 1), (turn, 1)],
                unique=True,
                partialFilterExpression={"active": True, turn: {"$exists": True}},
                name=f"one_a_turn_{kind.value}",
            )
        self._jobs.create_index([("owner_id", 1), ("created_at", -1), ("_id", -1)])
        self._jobs.create_index([("state", 1), ("finished_at", -1)])
        self._jobs.create_index("checkpoint.file_id", sparse=True)
        self._jobs.create_index("request_key", unique=True, sparse=True)
        self._jobs.create_index("model_id", sparse=True)
        self._jobs.create_index(
            [("owner_id", 1), ("slot", 1)],
            unique=True,
            partialFilterExpression={"state": JobState.QUEUED.value, "slot": {"$exists": True}},
            name="one_a_slot",
        )
        self._jobs.create_index(
            [("owner_id", 1), ("in_turn", 1)],
            unique=True,
            partialFilterExpression={"state": JobState.RUNNING.value, "in_turn": {"$type": "string"}},
            name="one_in_turn_a_kind",
        )

    def create(
        self,
        project: Project,
        params: dict[str, Any],
        epochs: int,
        device: DeviceChoice = DeviceChoice.ANY,
        request_key: str | None = None,
        repeats: Job | None = None,
        quantizes: Job | None = None,
        started_by: str | None = None,
        dataset_version: int | None = None,
        loads: dict[str, str] | None = None,
        experiment: SentExperiment | None = None,
    ) -> Job:
        """Queue a training, or what is done like one.

        Each queued job holds one of its owner's slots, so that parallel calls cannot pass the bound together. A job
        that comes back to the queue holds none.

        Args:
            request_key: of the request that wants it; no two jobs have the same, and the first of them is given.
            repeats: an ended job of the project whose data it takes, instead of the project's as they are.
            quantizes: likewise, and whose model it makes an int8 version of, instead of training one.
            started_by: name of the user who wants it.
            dataset_version: to be trained on instead of the project as it is.
            loads: the model of MLflow that it makes a version of instead of training one, see `Job`.
            experiment: the document that wants it; a repetition has that of the job that it repeats.

        Raises:
            Conflict: one of this project is queued or running.
            TooManyRequests: the owner has as many queued jobs as allowed.
        """
        row = queued_job(project, params, epochs, device)
        row |= {"started_by": started_by, "dataset_version": dataset_version, **_recorded(repeats, quantizes)}
        asked = {"experiment": experiment and dict(vars(experiment)), "loads": loads, "request_key": request_key}
        row |= {name: value for name, value in asked.items() if value}
        while True:
            row["slot"] = free_slot(self._jobs, project.owner_id, self._queued_per_user)
            row["turns"] = next_turns(self._jobs, project.owner_id, device)
            try:
                self._jobs.insert_one(row)
                return job_of(row)
            except DuplicateKeyError as error:
                if request_key and (made := self.made_by(request_key)):
                    return made
                if _TAKEN_BY_TURNS & set((error.details or {}).get("keyPattern", {})):
                    continue  # another call of this user took the slot or the turn just now: look for the next
                raise Conflict(
                    f"a training of '{project.name}' is queued or running: wait for it or cancel it"
                ) from None

    def made_by(self, request_key: str) -> Job | None:
        """The job that a request has made, if it has."""
        row = self._jobs.find_one({"request_key": request_key})
        return job_of(row) if row else None

    def get(self, job_id: ObjectId) -> Job:
        """The job of this id.

        Raises:
            NotFound: there is none.
        """
        return self._found(job_id, None)

    def head(self, job_id: ObjectId) -> Job:
        """As `get`, without log and history."""
        return self._found(job_id, WITHOUT_BULK)

    def _found(self, job_id: ObjectId, projection: Document | None) -> Job:
        row = self._jobs.find_one({"_id": job_id}, projection)
        if row is None:
            raise NotFound(f"there is no job '{job_id}'")
        return job_of(row)

    def list_of(
        self,
        project_ids: list[ObjectId],
        limit: int,
        after: Place | None = None,
        state: JobState | None = None,
    ) -> list[Job]:
        """The jobs of these projects, newest first, without logs and history.

        Args:
            after: the place behind which to go on.
        """
        query: Document = {"project_id": {"$in": project_ids}}
        if state:
            query["state"] = state.value
        return [job_of(row) for row in ordered(self._jobs, query, limit, after=after, projection=WITHOUT_BULK)]

    def every_of(self, project_id: ObjectId) -> list[Job]:
        """All jobs of a project, oldest first, without logs."""
        rows = self._jobs.find({"project_id": project_id}, {"log": 0})
        return [job_of(row) for row in rows.sort([("created_at", 1), ("_id", 1)])]

    def latest(self, project_ids: list[ObjectId]) -> dict[ObjectId, Job]:
        """The newest job of each project that has one, without logs and history."""
        rows = self._jobs.aggregate(
            [
                {"$match": {"project_id": {"$in": project_ids}}},
                {"$project": {"log": 0, "history": 0}},
                {"$sort": {"project_id": 1, "created_at": -1}},
                {"$group": {"_id": "$project_id", "job": {"$first": "$$ROOT"}}},
            ]
        )
        return {row["_id"]: job_of(row["job"]) for row in rows}

    def count_by_state(self) -> dict[JobState, int]:
        """How many jobs of all users are in each state."""
        return {state: self._jobs.count_documents({"state": state.value}) for state in JobState}

    def cancel(self, job_id: ObjectId) -> None:
        """Ask for an end: a queued job ends at once, a running one when its worker sees it; an ended one stays."""
        queued = {"$eq": ["$state", JobState.QUEUED.value]}
        cancelled = told(JobState.CANCELLED, "cancelled")
        change = {
            **{name: {"$cond": [queued, value, f"${name}"]} for name, value in cancelled.items()},
            "cancel_requested": True,
            "finished_at": {"$cond": [queued, "$$NOW", "$$REMOVE"]},
            "untracked": {"$cond": [queued, True, "$$REMOVE"]},
            "error": {"$cond": [queued, "cancelled", "$error"]},
            "active": {"$cond": [queued, "$$REMOVE", "$active"]},
            "checkpoint": {"$cond": [queued, "$$REMOVE", "$checkpoint"]},
        }
        shown = {"checkpoint": 1, "state": 1}
        before = self._jobs.find_one_and_update({"_id": job_id, "active": True}, [{"$set": change}], shown)
        if before and before["state"] == JobState.QUEUED.value:
            delete_checkpoint(self._files, before)

    def stop(self, job_id: ObjectId) -> None:
        """Ask a training to end early and keep the best of its finished epochs; its worker sees to it.

        A cancel that came first wins, and an ended job stays as it is.

        Raises:
            NotFound: there is no such job.
            Conflict: no epoch has ended yet and the training has told of nothing else to keep, or it trains nothing.
        """
        something = [
            {"state": JobState.RUNNING.value, "epoch": {"$gte": 1}},
            {"state": JobState.RUNNING.value, "keepable": True},
            {"state": JobState.QUEUED.value, "checkpoint": {"$exists": True}},
        ]
        trains = {"quantizes": {"$exists": False}, "loads": {"$exists": False}}
        query = {"_id": job_id, "active": True, "cancel_requested": {"$ne": True}, "$or": something, **trains}
        if self._jobs.update_one(query, {"$set": {"stop_requested": True}}).matched_count:
            return
        job = self.head(job_id)
        if (job.quantizes or job.loads) and not job.state.ended:
            raise Conflict("it trains nothing, so there is nothing to keep before its end: cancel it, or wait")
        if not (job.state.ended or job.cancel_requested):
            raise Conflict("nothing to keep yet: cancel it, or ask again after the first epoch")

    def cancel_all(self, project_id: ObjectId) -> None:
        """Cancel whatever of a project is queued or running."""
        for row in self._jobs.find({"project_id": project_id, "active": True}, {"_id": 1}):
            self.cancel(row["_id"])

    def delete_ended(self, project_id: ObjectId) -> int:
        """Delete the ended jobs of a project, then their records.

        Returns:
            How many jobs are still there, waiting for their workers.
        """
        ended = {"project_id": project_id, "active": {"$ne": True}}
        rows = self._jobs.find({**ended, "dataset": {"$exists": True}}, {"dataset.file_id": 1})
        file_ids = [row["dataset"]["file_id"] for row in rows]
        self._jobs.delete_many(ended)
        self._files.delete(*(set(file_ids) - self.referenced(file_ids)))
        return self._jobs.count_documents({"project_id": project_id})

    def ids_of(self, project_id: ObjectId) -> list[ObjectId]:
        """Ids of a project's jobs."""
        return [row["_id"] for row in self._jobs.find({"project_id": project_id}, {"_id": 1})]

    def existing(self, job_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the ids that are jobs."""
        return {row["_id"] for row in self._jobs.find({"_id": {"$in": job_ids}}, {"_id": 1})}

    def unserved(self, project_id: ObjectId | None = None) -> Iterator[Job]:
        """Succeeded jobs in the order of their end, for putting right a project that a crash left unpointed.

        Args:
            project_id: of one project; None for all.
        """
        query: Document = {"state": JobState.SUCCEEDED.value, "served": {"$ne": True}}
        if project_id is not None:
            query["project_id"] = project_id
        return map(job_of, self._jobs.find(query, {"log": 0}).sort("finished_at", 1))

    def mark_served(self, job_id: ObjectId) -> None:
        """Note that the job's model has been handed to its project."""
        self._jobs.update_one({"_id": job_id}, {"$set": {"served": True}})

    def forget_model(self, model_id: ObjectId) -> None:
        """Name a model no longer as the result of its job: from here on it does not count."""
        change = {"$unset": {"model_id": 1}, "$set": {"model_deleted": True}}
        self._jobs.update_one({"model_id": model_id}, change)

    def remember_model(self, job_id: ObjectId, model_id: ObjectId) -> None:
        """Name a model again that was about to be deleted."""
        change = {"$set": {"model_id": model_id}, "$unset": {"model_deleted": 1}}
        self._jobs.update_one({"_id": job_id, "model_deleted": True}, change)

    def count_on_versions(self, project_id: ObjectId, versions: list[int]) -> dict[int, int]:
        """How many jobs train on each of the versions of a dataset, or have."""
        rows = self._jobs.aggregate(
            [
                {"$match": {"project_id": project_id, "dataset_version": {"$in": versions}}},
                {"$group": {"_id": "$dataset_version", "jobs": {"$sum": 1}}},
            ]
        )
        return {row["_id"]: row["jobs"] for row in rows}

    def is_active_on(self, project_id: ObjectId, version: int) -> bool:
        """Whether a job on this version of a dataset is queued or running."""
        query = {"project_id": project_id, "dataset_version": version, "active": True}
        return self._jobs.find_one(query, {"_id": 1}) is not None

    def succeeded(self, job_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the ids that are jobs that have succeeded."""
        query = {"_id": {"$in": job_ids}, "state": JobState.SUCCEEDED.value}
        return {row["_id"] for row in self._jobs.find(query, {"_id": 1})}

    def succeeded_models(self, model_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the models that a succeeded job names as its result."""
        return {row["model_id"] for row in self._jobs.find({"model_id": {"$in": model_ids}}, {"model_id": 1})}

    def referenced(self, file_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the files that are the checkpoint of a job that has not ended."""
        rows = self._jobs.find({"active": True, "checkpoint.file_id": {"$in": file_ids}}, {"checkpoint.file_id": 1})
        return {row["checkpoint"]["file_id"] for row in rows}

    def held(self) -> Iterator[HeldFile]:
        """The checkpoint of every job that has one."""
        query = {"active": True, "checkpoint.file_id": {"$exists": True}}
        for row in every(self._jobs, query, {"project_id": 1, "checkpoint": 1}):
            kept = row["checkpoint"]
            file = StoredFile(kept["file_id"], kept["sha256"], kept["size"])
            yield HeldFile(file, row["project_id"], row["_id"], f"checkpoint of job {row['_id']}")

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects that have jobs, whether or not they still exist.

        A running job that was told to end needs nothing more: its worker, or whoever takes it over, ends it.
        """
        told = {"state": JobState.RUNNING.value, "cancel_requested": True}
        return self._jobs.distinct("project_id", {"$nor": [told]})


def _recorded(repeats: Job | None, quantizes: Job | None) -> Document:
    """What a job has of the one whose data it takes."""
    fields: Document = {}
    if repeats and repeats.experiment:
        fields["experiment"] = dict(vars(repeats.experiment))
    if repeats and repeats.dataset:
        fields["repeats"] = repeats.id
    if quantizes and quantizes.dataset:
        fields["quantizes"] = quantizes.result
    for before in (repeats, quantizes):
        if before and before.dataset:
            fields |= {"dataset": vars(before.dataset), "dataset_version": before.dataset_version}
    return fields
