"""From a project to a capsule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from bson import ObjectId

from datasets.versions import thawed
from storage.job import Job
from storage.models import Model
from storage.order import Place
from storage.projects import Project
from storage.store import Store
from storage.versions import Version
from training.capsule.archive import Archive
from training.capsule.documents import (
    DATASET,
    PROJECT,
    AttemptRow,
    FileRow,
    JobDocument,
    ModelDocument,
    ProjectDocument,
    PublicationRow,
    RecordRow,
    ServedRow,
    StateRow,
)
from training.capsule.registry import holding_of

_PAGE = 100


def write_capsule(store: Store, project: Project) -> Iterator[bytes]:
    """The bytes of a capsule of a project: data, versions, models, and the jobs that have ended.

    It is made of what is stored while it is written. An image that is deleted meanwhile makes it end early, without the
    directory that every ZIP file ends with, so nobody takes it for whole.
    """
    writer = _Writer(store, project)
    return filter(None, writer.write())


class _Writer:
    def __init__(self, store: Store, project: Project):
        self._store = store
        self._project = project
        self._holding = holding_of(project.type)
        self._archive = Archive()
        self._written: set[str] = set()
        self._versions = list(_pages(lambda after: store.versions.list_of(project.id, _PAGE, after)))[::-1]
        self._jobs = [job for job in store.jobs.every_of(project.id) if job.state.ended]
        self._numbers = {job.id: number for number, job in enumerate(self._jobs, 1)}
        self._models = [model for model in store.models.list_all(project.id)[::-1] if model.job_id in self._numbers]

    def write(self) -> Iterator[bytes]:
        holding = self._holding
        frozen = holding.current(self._store, self._project)
        yield from self._archive.add_json(PROJECT, self._project_document())
        yield from self._archive.add_json(DATASET, holding.Dataset(**holding.document(frozen)))
        yield from self._contents(frozen)
        for version in self._versions:
            yield from self._version(version)
        for job in self._jobs:
            yield from self._job(job)
        for model in self._models:
            yield from self._model(model)
        yield from self._archive.end()

    def _contents(self, frozen: Any) -> Iterator[bytes]:
        for path, content, is_packed in self._holding.entries(self._store, frozen):
            if path not in self._written:
                self._written.add(path)
                yield from self._archive.add(path, content, is_packed)

    def _project_document(self) -> ProjectDocument:
        project, store = self._project, self._store
        said = project.publication
        example = store.images.of_id(project.id, said.example_id) if said.example_id else None
        there = {model.id for model in self._models}
        return ProjectDocument(
            name=project.name,
            type=project.type,
            **store.restoring.words_of(project.id),
            publication=PublicationRow(
                published=project.is_published,
                version=said.version,
                description=said.description,
                licence=said.licence,
                example_image=example.name if example else None,
            ),
            model=project.model_version if project.model_id in there else None,
            served=[
                ServedRow(version=served.version, at=served.at, by=served.by)
                for served in store.serving.history(project)
                if served.model_id in there
            ],
        )

    def _version(self, version: Version) -> Iterator[bytes]:
        frozen = thawed(self._store, self._project, version)
        names = ("version", "name", "description", "digest", "created_at", "created_by")
        fields = {name: getattr(version, name) for name in names}
        document = self._holding.Version(**fields, **self._holding.document(frozen))
        yield from self._archive.add_json(f"versions/{version.version}.json", document)
        yield from self._contents(frozen)

    def _model(self, model: Model) -> Iterator[bytes]:
        document = ModelDocument(
            version=model.version,
            job=self._numbers[model.job_id],
            created_at=model.created_at,
            card=_without_ids(model.card),
            files=[FileRow(name=file.name, sha256=file.sha256, size=file.size) for file in model.files.values()],
        )
        yield from self._archive.add_json(f"models/{model.version}.json", document)
        for file in model.files.values():
            content = self._store.artifacts.stream(file.file_id)
            yield from self._archive.add(f"models/{model.version}/{file.name}", content)

    def _job(self, job: Job) -> Iterator[bytes]:
        number = self._numbers[job.id]
        yield from self._archive.add_json(f"jobs/{number}.json", self._job_document(job, number))
        log = ("".join(f"{line}\n" for line in lines).encode() for lines in self._store.job_events.log(job.id))
        yield from self._archive.add(f"jobs/{number}/log.txt", log)
        if job.dataset:
            content = self._store.artifacts.stream(job.dataset.file_id)
            yield from self._archive.add(f"jobs/{number}/dataset.json.gz", content, packed=False)

    def _job_document(self, job: Job, number: int) -> JobDocument:
        names = (
            "started_by", "params", "created_at", "started_at", "finished_at", "epoch", "epochs", "progress", "metrics",
            "error", "pretrained", "stopped_after_epoch", "environment", "dataset_version", "model_deleted",
        )  # fmt: skip
        attempts = ("attempt", "started_at", "ended_at", "ended_by", "resumed_from_epoch", "epoch")
        states = ("at", "state", "attempt", "reason")
        record = ("sha256", "size", "digest", "train_images", "val_images")
        return JobDocument(
            number=number,
            state=cast(Any, job.state.value),
            device=job.device.value,
            ran_on=job.ran_on.kind.value if job.ran_on else None,
            history=list(job.history),
            states=[StateRow(**{name: item[name] for name in states}) for item in job.states],
            attempts=[AttemptRow(**{name: getattr(item, name) for name in attempts}) for item in job.attempts],
            dataset=RecordRow(**{name: getattr(job.dataset, name) for name in record}) if job.dataset else None,
            repeats=self._numbers.get(job.repeats) if job.repeats else None,
            quantizes=self._version_of(job.quantizes),
            model=self._version_of(job.model_id),
            **{name: getattr(job, name) for name in names},
        )

    def _version_of(self, model_id: ObjectId | None) -> int | None:
        return next((model.version for model in self._models if model.id == model_id), None)


def _pages(read: Any) -> Iterator[Any]:
    after = None
    while page := read(after):
        yield from page
        after = Place(page[-1].created_at, page[-1].id)


def _without_ids(card: dict[str, Any]) -> dict[str, Any]:
    """The card, of an int8 model without the id of the one that it was made of; the version says which that is."""
    quantization = card.get("quantization")
    if not quantization:
        return card
    return {**card, "quantization": {**quantization, "from_model": None}}
