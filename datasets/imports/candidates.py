"""Images of an archive on their way: read, hashed, checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bson import ObjectId

from datasets.formats.protocol import Finding, LabelledImage, Source
from datasets.images import read_info
from datasets.imports.classes import Classes
from datasets.imports.names import ImageNames
from storage.image import Labels
from utils import InvalidInput, TooLarge

MOST_IMAGE_BYTES = 64 * 1024 * 1024
_BATCH_IMAGES = 128
_BATCH_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Candidate:
    """An image of an archive as it was read.

    Attributes:
        step: names this image of this import; `id` is the one it gets if it is new to the project.
        problem: why it could not be read; there is no content then.
    """

    step: str
    id: ObjectId
    name: str
    image: LabelledImage
    content: bytes = b""
    sha256: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class Checked:
    """What a check has found.

    Attributes:
        labels: none when nobody has labelled it.
        problem: why the image cannot be imported.
        remark: why its labels cannot.
    """

    header: dict[str, Any]
    labels: Labels | None = None
    problem: str | None = None
    remark: str | None = None


class Candidates:
    """The images of a dataset in batches that are bounded in number and bytes.

    Args:
        run: tells this run of an import from all others.
        skip: how many images are dealt with already; they are gone through, and not read.
        look: is called before each; may raise.
    """

    def __init__(self, source: Source, names: ImageNames, run: str, skip: int, look: Callable[[], None]):
        self._source = source
        self._names = names
        self._run = run
        self._skip = skip
        self._look = look

    def batches(self, images: Iterable[LabelledImage]) -> Iterator[list[Candidate]]:
        """The images, read."""
        batch: list[Candidate] = []
        size = 0
        for number, image in enumerate(images):
            self._look()
            name = self._names.take(image)
            if number < self._skip:
                continue
            batch.append(self._read(number, name, image))
            size += len(batch[-1].content)
            if len(batch) >= _BATCH_IMAGES or size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _read(self, number: int, name: str, image: LabelledImage) -> Candidate:
        step = f"{self._run}:{number}"
        try:
            content, problem = self._source.read(image.path, MOST_IMAGE_BYTES), None
        except InvalidInput as error:
            content, problem = b"", error.detail
        return Candidate(step, _id_of(step), name, image, content, problem=problem)


def hashed(candidate: Candidate) -> str:
    """SHA-256 of its content, in hex."""
    return hashlib.sha256(candidate.content).hexdigest()


def check(candidate: Candidate, classes: Classes, max_pixels: int) -> Checked:
    """Look at the image and at its labels."""
    try:
        header = asdict(read_info(candidate.content, max_pixels))
    except (InvalidInput, TooLarge) as error:
        return Checked({}, problem=error.detail)
    labels = candidate.image.labels
    if labels is None or classes.are_left_out(labels):
        return Checked(header)
    try:
        return Checked(header, classes.labels(labels))
    except InvalidInput as error:
        return Checked(header, remark=f"the image is imported without its labels: {error.detail}")


def finding(candidate: Candidate, reason: str) -> Finding:
    """A line of the report about an image."""
    return Finding(candidate.image.path, None, reason)


def _id_of(step: str) -> ObjectId:
    """The same step has the same id, whoever makes it and however often; ids of one import come in its time."""
    moment = ObjectId(step.split(":")[0]).binary[:4]
    return ObjectId(moment + hashlib.sha256(step.encode()).digest()[:8])
