"""What a capsule must hold before anything is stored of it: documents by their schemas, each fit to the others."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from datasets.grouping import check_pattern
from datasets.registry import LABEL_FORMATS
from inference.protocol import ModelCard
from training.capsule.documents import (
    DATASET,
    MANIFEST,
    PROJECT,
    Classes,
    DatasetDocument,
    Entry,
    ImageRow,
    JobDocument,
    Manifest,
    ModelDocument,
    ProjectDocument,
    VersionDocument,
)
from utils import InvalidInput

_MOST_DOCUMENT_BYTES = 256 * 1024 * 1024
_MOST_NAME_CHARACTERS = 100
T = TypeVar("T", bound=BaseModel)
K = TypeVar("K", int, str)


class Source(Protocol):
    """The files of an archive."""

    def names(self) -> Sequence[str]:
        """All of them."""
        ...

    def size(self, name: str) -> int:
        """Bytes, unpacked."""
        ...

    def read(self, name: str, most_bytes: int) -> bytes:
        """The content, unless it is longer."""
        ...

    def open(self, name: str) -> BinaryIO:
        """The content as a stream."""
        ...


@dataclass
class Contents:
    """The documents of a capsule, checked, and where the rest of it lies."""

    source: Source
    entries: dict[str, Entry]
    project: ProjectDocument
    dataset: DatasetDocument
    versions: list[VersionDocument] = field(default_factory=list)
    jobs: list[JobDocument] = field(default_factory=list)
    models: list[ModelDocument] = field(default_factory=list)

    @property
    def parts(self) -> list[DatasetDocument | VersionDocument]:
        """What the project holds now, and each version."""
        return [self.dataset, *self.versions]

    @property
    def images(self) -> dict[str, ImageRow]:
        """One row of each content, by its SHA-256."""
        return {row.sha256: row for part in self.parts for row in part.images}

    def read(self, path: str) -> bytes:
        """An entry, of the size and the hash that the manifest names.

        Raises:
            InvalidInput: it is missing, or another.
        """
        entry = self.entries.get(path)
        if entry is None:
            raise _refused(f"it names '{path}', which is not in it")
        return _checked(self.source, entry)


def checked_contents(source: Source) -> Contents:
    """Read the documents of a capsule.

    Raises:
        InvalidInput: it is none, of another format, damaged, or made to harm; says why.
    """
    if MANIFEST not in source.names():
        raise _refused(f"it has no {MANIFEST}: send what GET .../capsule gave, whole")
    manifest = _parsed(Manifest, source.read(MANIFEST, _MOST_DOCUMENT_BYTES), MANIFEST)
    entries = {entry.path: entry for entry in manifest.entries}
    if len(entries) != len(manifest.entries) or {*source.names()} != {*entries, MANIFEST}:
        raise _refused("its manifest names other entries than it holds")
    for path in entries:
        if source.size(path) != entries[path].size:
            raise _refused(f"'{path}' has another size than the manifest says")

    def read(schema: type[T], path: str) -> T:
        if path not in entries:
            raise _refused(f"'{path}' is missing")
        return _parsed(schema, _checked(source, entries[path]), path)

    def every(schema: type[T], folder: str) -> list[T]:
        numbers = [path[len(folder) : -5] for path in entries if path.startswith(folder) and path.endswith(".json")]
        usable = sorted(int(number) for number in numbers if number.isascii() and number.isdigit())
        return [read(schema, f"{folder}{number}.json") for number in usable]

    contents = Contents(source, entries, read(ProjectDocument, PROJECT), read(DatasetDocument, DATASET))
    contents.versions = every(VersionDocument, "versions/")
    contents.jobs = every(JobDocument, "jobs/")
    contents.models = every(ModelDocument, "models/")
    _check_fit(contents)
    return contents


def _checked(source: Source, entry: Entry) -> bytes:
    content = source.read(entry.path, entry.size)
    if len(content) != entry.size or hashlib.sha256(content).hexdigest() != entry.sha256:
        raise _refused(f"'{entry.path}' is not what the manifest says: it was changed or damaged")
    return content


def _parsed(schema: type[T], content: bytes, path: str) -> T:
    if len(content) > _MOST_DOCUMENT_BYTES:
        raise _refused(f"'{path}' is too long")
    try:
        return schema.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"][:6]))
        raise _refused(f"'{path}' is not as it should be: {where}: {first['msg'][:200]}") from None


def _check_fit(contents: Contents) -> None:
    project = contents.project
    if project.type not in LABEL_FORMATS:
        raise _refused(f"its project type '{project.type[:50]}' is not known here")
    for part in contents.parts:
        _check_dataset(part, part.images, contents)
    _check_described_once(contents)
    models = _unique("model version", (model.version for model in contents.models))
    versions = _unique("dataset version", (version.version for version in contents.versions))
    jobs = _unique("job", (job.number for job in contents.jobs))
    if max(versions, default=0) > project.versions_made:
        raise _refused("its project has made fewer versions than there are")
    for job in contents.jobs:
        named = {job.repeats, *([job.number] if job.repeats == job.number else [])} - {None}
        if not named <= jobs or not {job.model, job.quantizes} - {None} <= models or job.repeats == job.number:
            raise _refused(f"job {job.number} names a job or a model that is not in it")
        if job.model and job.state != "succeeded":
            raise _refused(f"job {job.number} has a model and has not succeeded")
    by_number = {job.number: job for job in contents.jobs}
    for model in contents.models:
        if model.job not in by_number or by_number[model.job].model != model.version:
            raise _refused(f"model version {model.version} is not the one of its job")
        _check_model(model, project.type)
    served = {row.version for row in project.served} | ({project.model} - {None})
    if not served <= models:
        raise _refused("a model version answers that is not in it")


def _check_dataset(classes: Classes, images: list[ImageRow], contents: Contents) -> None:
    if classes.group_pattern:
        check_pattern(classes.group_pattern)
    rows = [*classes.classes, *classes.retired]
    ids = _unique("class id", (row.id for row in rows))
    _unique("class name", (row.name for row in classes.classes))
    for row in rows:
        check_name(row.name, "class", slashes=True)
    _unique("image name", (image.name for image in images))
    for image in images:
        check_name(image.name, "image")
        entry = contents.entries.get(f"images/{image.sha256}")
        if entry is None or (entry.sha256, entry.size) != (image.sha256, image.size):
            raise _refused(f"the content of image '{image.name}' is not in it")
        for label in image.labels:
            if label.class_id not in ids:
                raise _refused(f"a label of image '{image.name}' names a class that there is not")
            _check_box(label.box, image.name)


def _check_described_once(contents: Contents) -> None:
    known: dict[str, tuple[str, int, int]] = {}
    for part in contents.parts:
        for row in part.images:
            described = (row.format, row.width, row.height)
            if known.setdefault(row.sha256, described) != described:
                raise _refused(f"image '{row.name}' is not as it is described elsewhere in it")


def _check_box(box: tuple[float, float, float, float] | None, name: str) -> None:
    # Comparisons with what is no number are false.
    if box is not None and not (all(0 <= value <= 1 for value in box) and box[2] > 0 and box[3] > 0):
        raise _refused(f"a box of image '{name}' leaves it, or has no size")


def _check_model(model: ModelDocument, type: str) -> None:
    try:
        card = ModelCard(**model.card)
    except ValidationError as error:
        raise _refused(
            f"the card of model version {model.version} cannot be read: {error.errors()[0]['msg']}"
        ) from None
    if card.project_type != type:
        raise _refused(f"model version {model.version} is of another project type")
    _unique("file of a model", (file.name for file in model.files))


def check_name(name: str, noun: str, slashes: bool = False) -> None:
    """See that a name may be one here.

    Raises:
        InvalidInput: it may not.
    """
    odd = any(unicodedata.category(one) in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") for one in name)
    separated = not slashes and ("/" in name or "\\" in name or name in (".", ".."))
    if odd or separated or name.strip() != name or not 0 < len(name) <= _MOST_NAME_CHARACTERS:
        raise _refused(f"the name of a {noun}, {name[:50]!a}, is none that may be given here")


def _unique(what: str, values: Iterable[K]) -> set[K]:
    listed = list(values)
    if len(listed) != len(set(listed)):
        raise _refused(f"a {what} is in it twice")
    return set(listed)


def _refused(why: str) -> InvalidInput:
    return InvalidInput(f"this is no capsule that can be taken: {why}")
