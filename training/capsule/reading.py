"""From a capsule to a new project."""

from __future__ import annotations

import io
from typing import Any

from bson import ObjectId
from bson.errors import InvalidDocument

from storage.device import Device, DeviceKind
from storage.files import StoredFile
from storage.job_events import Event
from storage.job_runs import LOG_TAIL_LINES
from storage.projects import Project
from storage.store import Store
from storage.users import User
from training.capsule.checking import checked_contents
from training.capsule.contents import Contents, Source
from training.capsule.documents import JobDocument, ModelDocument, VersionSaid
from training.capsule.refusing import check_name
from training.capsule.registry import holding_of
from utils import DomainError, InvalidInput

_SERVED = "model.onnx"
_LINES_AN_EVENT = 500


def read_capsule(store: Store, source: Source, owner: User, name: str | None, max_pixels: int) -> Project:
    """Make a new project of a capsule, which is not published.

    Args:
        name: of the project; None takes the one in the capsule.
        max_pixels: of an image.

    Raises:
        InvalidInput: it is none that can be taken; says why, and nothing is left of it.
        Conflict: the name is taken.
    """
    contents = checked_contents(source)
    chosen = name or contents.project.name
    check_name(chosen, "project")
    reader = _Reader(store, contents, owner, chosen, max_pixels)
    try:
        return reader.read()
    except BaseException as error:
        store.delete_project(reader.project.id)
        reader.discard()
        if isinstance(error, (OverflowError, InvalidDocument)):
            raise InvalidInput(f"the capsule holds what cannot be stored: {error}") from None
        raise


class _Reader:
    def __init__(self, store: Store, contents: Contents, owner: User, name: str, max_pixels: int):
        self._store = store
        self._contents = contents
        self._owner = owner
        document = contents.project
        holding = holding_of(document.type)
        fields = {
            "description": document.description,
            "created_at": document.created_at,
            "dataset_versions": document.versions_made,
            **holding.project_fields(contents),
        }
        self.project = store.restoring.begin(owner, name, document.type, fields)
        self._version_ids = {version.version: ObjectId() for version in contents.versions}
        self._taking = holding.taking(store, contents, self.project, self._version_ids, max_pixels)
        self._artifacts: list[ObjectId] = []
        self._job_ids = {job.number: ObjectId() for job in contents.jobs}
        self._model_ids = {model.version: ObjectId() for model in contents.models}

    def read(self) -> Project:
        """All of it, in the order in which things rely on each other."""
        self._taking.take()
        for version in self._contents.versions:
            self._version(version)
        for job in self._contents.jobs:
            self._job(job)
        for model in self._contents.models:
            self._model(model)
        self._store.restoring.end(self.project, self._last_fields())
        return self._store.projects.refresh(self.project)

    def discard(self) -> None:
        """Delete the files that no document has come to name; the project is deleted."""
        self._taking.discard()
        self._store.artifacts.delete(*self._artifacts)

    def _put(self, content: bytes, name: str) -> StoredFile:
        file = self._store.artifacts.put(io.BytesIO(content), name)
        self._artifacts.append(file.id)
        return file

    def _version(self, version: Any) -> None:
        frozen = self._taking.freeze(version)
        if frozen.snapshot().digest() != version.digest:
            raise InvalidInput(f"version {version.version} of the dataset in the capsule does not have its digest")
        file = self._put(frozen.to_bytes(), "version.json.gz")
        fields = version.model_dump(include=set(VersionSaid.model_fields))
        row = {"_id": self._version_ids[version.version], "file": _reference(file), **fields, **frozen.counts()}
        self._store.restoring.add("dataset_versions", self.project.id, [row])

    def _job(self, job: JobDocument) -> None:
        store, job_id = self._store, self._job_ids[job.number]
        lines = self._contents.read(f"jobs/{job.number}/log.txt").decode(errors="replace").splitlines()
        blocks = [lines[start : start + _LINES_AN_EVENT] for start in range(0, len(lines), _LINES_AN_EVENT)]
        row = job.model_dump(exclude={"number", "repeats", "quantizes", "model", "dataset", "ran_on", "attempts"})
        row |= {
            "_id": job_id,
            "owner_id": self._owner.id,
            "project_type": self.project.type,
            "served": True,
            "log": lines[-LOG_TAIL_LINES:],
            "log_lines": len(lines),
            "log_bytes": sum(map(len, lines)),
            "attempt": len(job.attempts),
            "attempts": [{**item.model_dump(), "worker": ""} for item in job.attempts],
            "states": [{"seq": seq, **item.model_dump()} for seq, item in enumerate(job.states, 1)],
            "last_event": len(job.states) + len(blocks),
        }
        if job.ran_on:
            row["ran_on"] = Device(DeviceKind(job.ran_on), 0, job.ran_on, 0).to_row()
        if job.dataset:
            content = self._contents.read(f"jobs/{job.number}/dataset.json.gz")
            file = self._put(content, "dataset.json.gz")
            row["dataset"] = {**job.dataset.model_dump(), "file_id": file.id, "sha256": file.sha256, "size": file.size}
        named = {"repeats": self._job_ids.get(job.repeats or 0), "quantizes": self._model_ids.get(job.quantizes or 0)}
        named["model_id"] = self._model_ids.get(job.model or 0)
        row |= {name: value for name, value in named.items() if value}
        store.restoring.add("jobs", self.project.id, [row])
        if blocks:
            at, first = job.finished_at or job.created_at, len(job.states) + 1
            store.job_events.add(
                job_id, [Event("log", {"lines": block}, n, at) for n, block in enumerate(blocks, first)]
            )

    def _model(self, model: ModelDocument) -> None:
        files = []
        for file in model.files:
            content = self._contents.read(f"models/{model.version}/{file.name}")
            if file.name == _SERVED:
                _check_network(content, model.version)
            stored = self._put(content, file.name)
            if stored.sha256 != file.sha256:
                raise InvalidInput(f"'{file.name}' of model version {model.version} is another than it says")
            files.append({"name": file.name, **_reference(stored)})
        row = {
            "_id": self._model_ids[model.version],
            "job_id": self._job_ids[model.job],
            "version": model.version,
            "card": self._card(model.card),
            "created_at": model.created_at,
            "files": files,
        }
        self._store.restoring.add("models", self.project.id, [row])

    def _card(self, card: dict[str, Any]) -> dict[str, Any]:
        """The card; an int8 model names the one that it was made of by the id that this has here."""
        quantization = card.get("quantization")
        if not quantization:
            return card
        made_of = self._model_ids.get(quantization.get("from_version"))
        return {**card, "quantization": {**quantization, "from_model": str(made_of) if made_of else None}}

    def _last_fields(self) -> dict[str, Any]:
        document = self._contents.project
        said, model = document.publication, document.model
        served = [
            {"model_id": self._model_ids[row.version], **row.model_dump(include={"version", "at", "by"})}
            for row in document.served
        ]
        return {
            "served": served,
            "model_id": self._model_ids[model] if model else None,
            "model_version": model or 0,
            "publication": {
                "description": said.description,
                "licence": said.licence,
                "example_id": self._taking.image_id(said.example_image or ""),
            },
        }


def _check_network(content: bytes, version: int) -> None:
    from inference.check import check_model  # brings onnx, which a web process does without

    try:
        check_model(content)
    except DomainError as error:
        raise InvalidInput(f"model version {version} in the capsule may not be run: {error.detail}") from None


def _reference(file: StoredFile) -> dict[str, Any]:
    return {"file_id": file.id, "sha256": file.sha256, "size": file.size}
