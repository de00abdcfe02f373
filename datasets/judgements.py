"""What a model said of each image of its validation part, in one file that the model keeps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from datasets.matching import match
from datasets.snapshot import Annotation, Dataset, Sample

FILE = "validation.json"
MOST_IMAGES = 20_000
MOST_PREDICTIONS = 100
MOST_BOXES = 300_000
_FORMAT = 1
_DIGITS = 5
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Found:
    """One prediction; of the whole image when it has no box.

    Attributes:
        confidence: 0 to 1.
        box: x_center, y_center, width, height, fractions of the EXIF-turned image.
    """

    class_index: int
    confidence: float
    box: Box | None = None


@dataclass(frozen=True)
class Judged:
    """One image.

    Attributes:
        labels: as they were given when it was judged.
        predictions: most confident first.
        score: 0 to 1, how badly it went.
    """

    name: str
    sha256: str
    labels: tuple[Annotation, ...]
    predictions: tuple[Found, ...]
    score: float

    @property
    def key(self) -> str:
        """Hexadecimal digits that no other image has."""
        return hashlib.sha256(f"{self.sha256}:{self.name}".encode()).hexdigest()


@dataclass(frozen=True)
class Judgements:
    """All images that one model was judged on.

    Attributes:
        class_ids: stable ids of `classes`; indices refer to these.
        held_back: the model was not trained on them.
        judged: how many images were judged; past the bounds only the worst are in `images`.
    """

    classes: tuple[str, ...]
    class_ids: tuple[int, ...]
    held_back: bool
    judged: int
    images: tuple[Judged, ...]

    @classmethod
    def of(cls, dataset: Dataset, images: Iterable[Judged]) -> Judgements:
        """Those of one training, the worst first."""
        ordered = sorted(images, key=lambda image: (-image.score, image.name))
        kept, boxes = [], 0
        for image in ordered[:MOST_IMAGES]:
            boxes += len(image.labels) + len(image.predictions)
            if boxes > MOST_BOXES:
                break
            kept.append(image)
        ids = dataset.class_ids or tuple(range(len(dataset.classes)))
        return cls(dataset.classes, ids, not dataset.val_is_train, len(ordered), tuple(kept))

    def to_bytes(self) -> bytes:
        """As JSON that anybody can read."""
        document = {
            "format": _FORMAT,
            "classes": [
                {"id": class_id, "name": name} for class_id, name in zip(self.class_ids, self.classes, strict=True)
            ],
            "held_back": self.held_back,
            "judged": self.judged,
            "images": [self._row(image) for image in self.images],
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

    def _row(self, image: Judged) -> dict[str, Any]:
        return {
            "name": image.name,
            "sha256": image.sha256,
            "score": image.score,
            "labels": [{"class_id": self.class_ids[a.class_index], "box": a.box} for a in image.labels],
            "predictions": [
                {"class_id": self.class_ids[found.class_index], "confidence": found.confidence, "box": found.box}
                for found in image.predictions
            ],
        }

    @classmethod
    def from_bytes(cls, content: bytes) -> Judgements:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: it is of another format, or damaged.
        """
        try:
            document = json.loads(content)
            if document["format"] != _FORMAT:
                raise ValueError(f"format {document['format']}")
            ids = tuple(item["id"] for item in document["classes"])
            index_of = {class_id: index for index, class_id in enumerate(ids)}
            names = tuple(item["name"] for item in document["classes"])
            images = tuple(_image(row, index_of) for row in document["images"])
            return cls(names, ids, document["held_back"], document["judged"], images)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error


def _image(row: dict[str, Any], index_of: dict[int, int]) -> Judged:
    labels = tuple(Annotation(index_of[item["class_id"]], _box(item["box"])) for item in row["labels"])
    found = tuple(
        Found(index_of[item["class_id"]], item["confidence"], _box(item["box"])) for item in row["predictions"]
    )
    return Judged(row["name"], row["sha256"], labels, found, row["score"])


def _box(numbers: list[float] | None) -> Box | None:
    if numbers is None:
        return None
    x, y, width, height = numbers
    return x, y, width, height


def judged_class(sample: Sample, probabilities: Sequence[float], most: int = 3) -> Judged:
    """An image whose class was predicted; its score is one less the probability of the class that was given.

    Args:
        probabilities: of each class.
        most: of the predictions that are kept; the given class is always among them.
    """
    given = sample.annotations[0].class_index
    order = sorted(range(len(probabilities)), key=lambda index: -probabilities[index])
    kept = [*order[:most], *(index for index in order[most:] if index == given)]
    found = tuple(Found(index, _short(probabilities[index])) for index in kept)
    return Judged(sample.name, sample.sha256, sample.annotations, found, _short(1 - probabilities[given]))


def judged_boxes(sample: Sample, found: Iterable[Found]) -> Judged:
    """An image in which objects were looked for; its score is one less the F1 of the boxes (`matching.match`)."""
    order = sorted(found, key=lambda item: -item.confidence)[:MOST_PREDICTIONS]
    best = tuple(Found(item.class_index, _short(item.confidence), _short_box(item.box)) for item in order)
    both = len(sample.annotations) + len(best)
    right = len(match(sample.annotations, best))
    score = _short(1 - 2 * right / both) if both else 0.0
    return Judged(sample.name, sample.sha256, sample.annotations, best, score)


def _short(number: float) -> float:
    """As many digits as mean something."""
    return round(float(number), _DIGITS)


def _short_box(box: Box | None) -> Box | None:
    return None if box is None else (_short(box[0]), _short(box[1]), _short(box[2]), _short(box[3]))
