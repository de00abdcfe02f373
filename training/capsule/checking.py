"""What a capsule must hold before anything is stored of it: documents by their schemas, each fit to the others."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from datasets.registry import KINDS
from inference.protocol import ModelCard
from training.capsule.contents import Contents, Source, checked
from training.capsule.documents import DATASET, MANIFEST, PROJECT, JobDocument, Manifest, ModelDocument, ProjectDocument
from training.capsule.refusing import refused, unique
from training.capsule.registry import holding_of

_MOST_DOCUMENT_BYTES = 256 * 1024 * 1024
T = TypeVar("T", bound=BaseModel)


def checked_contents(source: Source) -> Contents:
    """Read the documents of a capsule.

    Raises:
        InvalidInput: it is none, of another format, damaged, or made to harm; says why.
    """
    if MANIFEST not in source.names():
        raise refused(f"it has no {MANIFEST}: send what GET .../capsule gave, whole")
    manifest = _parsed(Manifest, source.read(MANIFEST, _MOST_DOCUMENT_BYTES), MANIFEST)
    entries = {entry.path: entry for entry in manifest.entries}
    if len(entries) != len(manifest.entries) or {*source.names()} != {*entries, MANIFEST}:
        raise refused("its manifest names other entries than it holds")
    for path in entries:
        if source.size(path) != entries[path].size:
            raise refused(f"'{path}' has another size than the manifest says")

    def read(schema: type[T], path: str) -> T:
        if path not in entries:
            raise refused(f"'{path}' is missing")
        return _parsed(schema, checked(source, entries[path]), path)

    def every(schema: type[T], folder: str) -> list[T]:
        numbers = [path[len(folder) : -5] for path in entries if path.startswith(folder) and path.endswith(".json")]
        usable = sorted(int(number) for number in numbers if number.isascii() and number.isdigit())
        return [read(schema, f"{folder}{number}.json") for number in usable]

    project = read(ProjectDocument, PROJECT)
    if project.type not in KINDS:
        raise refused(f"its project type '{project.type[:50]}' is not known here")
    holding = holding_of(project.type)
    contents = Contents(source, entries, project, read(holding.Dataset, DATASET))
    contents.versions = every(holding.Version, "versions/")
    contents.jobs = every(JobDocument, "jobs/")
    contents.models = every(ModelDocument, "models/")
    _check_fit(contents)
    return contents


def _parsed(schema: type[T], content: bytes, path: str) -> T:
    if len(content) > _MOST_DOCUMENT_BYTES:
        raise refused(f"'{path}' is too long")
    try:
        return schema.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"][:6]))
        raise refused(f"'{path}' is not as it should be: {where}: {first['msg'][:200]}") from None


def _check_fit(contents: Contents) -> None:
    project = contents.project
    holding_of(project.type).check(contents)
    models = unique("model version", (model.version for model in contents.models))
    versions = unique("dataset version", (version.version for version in contents.versions))
    jobs = unique("job", (job.number for job in contents.jobs))
    if max(versions, default=0) > project.versions_made:
        raise refused("its project has made fewer versions than there are")
    for job in contents.jobs:
        named = {job.repeats, *([job.number] if job.repeats == job.number else [])} - {None}
        if not named <= jobs or not {job.model, job.quantizes} - {None} <= models or job.repeats == job.number:
            raise refused(f"job {job.number} names a job or a model that is not in it")
        if job.model and job.state != "succeeded":
            raise refused(f"job {job.number} has a model and has not succeeded")
    by_number = {job.number: job for job in contents.jobs}
    for model in contents.models:
        if model.job not in by_number or by_number[model.job].model != model.version:
            raise refused(f"model version {model.version} is not the one of its job")
        _check_model(model, project.type)
    served = {row.version for row in project.served} | ({project.model} - {None})
    if not served <= models:
        raise refused("a model version answers that is not in it")


def _check_model(model: ModelDocument, type: str) -> None:
    try:
        card = ModelCard(**model.card)
    except ValidationError as error:
        raise refused(f"the card of model version {model.version} cannot be read: {error.errors()[0]['msg']}") from None
    if card.project_type != type:
        raise refused(f"model version {model.version} is of another project type")
    unique("file of a model", (file.name for file in model.files))
