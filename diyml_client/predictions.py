"""Predictions of published projects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diyml_client.multipart import Form, Part
from diyml_client.records import Record, read
from diyml_client.transport import Transport, path_of

MOST_IMAGES = 64
MOST_BYTES = 16 * 1024 * 1024
ImageLike = Path | str | bytes


@dataclass
class Box(Record):
    """Corners in pixels of the image as sent, EXIF-turned."""

    x1: float = 0.0
    y1: float = 0.0
    x2: float = 0.0
    y2: float = 0.0

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        return self.x1, self.y1, self.x2, self.y2


@dataclass
class Prediction(Record):
    """One object, or one class of the whole image; `confidence` 0 to 1."""

    class_name: str = field(default="", metadata={"key": "class"})
    confidence: float = 0.0
    box: Box = field(default_factory=Box)


@dataclass
class ImagePredictions(Record):
    """What was found in an image, the most confident first; `width` and `height` in pixels."""

    width: int = 0
    height: int = 0
    predictions: list[Prediction] = field(default_factory=list)

    @property
    def best(self) -> Prediction | None:
        """The most confident; None when nothing was found."""
        return self.predictions[0] if self.predictions else None


def predict(
    transport: Transport, project: str, images: Sequence[ImageLike], options: dict[str, Any]
) -> list[ImagePredictions]:
    """Predict any number of images, as many in one request as one takes."""
    found: list[ImagePredictions] = []
    for batch in _batches([_part(image) for image in images]):
        answer = _ask(transport, project, batch, options, Transport.json)
        found += [read(ImagePredictions, item) for item in answer["results"]]
    return found


def draw(transport: Transport, project: str, image: ImageLike, options: dict[str, Any]) -> bytes:
    """A JPEG of the image with what was found drawn into it."""
    drawn: bytes = _ask(transport, project, [_part(image)], {**options, "annotated": True}, Transport.content)
    return drawn


def _ask(transport: Transport, project: str, batch: list[Part], options: dict[str, Any], read_answer: Any) -> Any:
    path = path_of("published", project, "predict")
    wish = {name: value for name, value in options.items() if value is not None}
    fields = [Part(name, str(value).lower().encode()) for name, value in wish.items()]
    form = Form([*fields, *batch])
    return read_answer(transport, "POST", path, data=lambda: form, headers={"Content-Type": form.content_type})


def _part(image: ImageLike) -> Part:
    if isinstance(image, bytes):
        return Part("images", image, "image")
    return Part("images", Path(image), Path(image).name)


def _batches(parts: list[Part]) -> list[list[Part]]:
    batches: list[list[Part]] = []
    size = 0
    for part in parts:
        if not batches or len(batches[-1]) >= MOST_IMAGES or size + part.size > MOST_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(part)
        size += part.size
    return batches
