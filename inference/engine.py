"""Predicts with any stored model: decode, wait for one's turn, run, choose; each with the time it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from bson import ObjectId

from datasets.images import decode
from inference.drawing import annotated
from inference.gate import Gate
from inference.metrics import MODEL_SECONDS, WAIT_SECONDS
from inference.models import LoadedModel, Models
from inference.protocol import NO_OPTIONS, Options, Prediction
from storage.file_cache import FileCache
from storage.store import Store
from utils import DomainError, Settings

_RUNNING = 2


@dataclass(frozen=True)
class ImagePredictions:
    """What was found in one image.

    Attributes:
        width: px, after the EXIF turn; `height` likewise.
        picture: a JPEG file with the predictions drawn in; None when it was not asked for.
    """

    width: int
    height: int
    predictions: list[Prediction]
    picture: bytes | None = None


@dataclass
class Answer:
    """Predictions of all images of a request, in their order.

    Attributes:
        seconds: spent in `decode`, `wait` (for the model and for a turn), `model` and `post`, over all images.
    """

    images: list[ImagePredictions] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("decode", "wait", "model", "post"), 0.0))

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the time that the block takes to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start


class Engine:
    """Safe to call from many threads; one to a process."""

    def __init__(self, store: Store, settings: Settings):
        self._max_pixels = settings.max_image_pixels
        self._gate = Gate(_RUNNING, settings.inference_queue)
        copies = FileCache(settings.data_dir / "cache" / "models", settings.model_disk_cache_bytes)
        self._models = Models(store, settings.model_cache_bytes, copies)

    def predict(self, model_id: ObjectId, content: bytes) -> list[Prediction]:
        """Predict one image file with a stored model; raises as `predict_batch`."""
        return self.predict_batch(model_id, [content]).images[0].predictions

    def predict_batch(
        self, model_id: ObjectId, contents: list[bytes], options: Options = NO_OPTIONS, draw: bool = False
    ) -> Answer:
        """Predict image files with a stored model, one after the other, so that one image at a time is in memory.

        Args:
            draw: whether pictures are wanted.

        Raises:
            InvalidInput: not an image (says which), or an option that models of this type do not know.
            TooLarge: too many pixels.
            NotFound: the model was deleted.
            Unavailable: too many images wait already, or the model cannot be loaded now.
        """
        with self._gate.admit(len(contents)):
            answer = Answer()
            for number, content in enumerate(contents, 1):
                with answer.measure("decode"):
                    image = self._decode(content, number, len(contents))
                with answer.measure("wait"):
                    model = self._models.get(model_id)
                options.check(model.predictor.OPTIONS, model.card.project_type)
                answer.images.append(self._one(model, image, options, draw, answer))
            return answer

    def _decode(self, content: bytes, number: int, count: int) -> np.ndarray:
        try:
            return decode(content, self._max_pixels)
        except DomainError as error:
            if count == 1:
                raise
            raise type(error)(f"image {number} of {count}: {error.detail}", error.errors) from None

    def _one(
        self, model: LoadedModel, image: np.ndarray, options: Options, draw: bool, answer: Answer
    ) -> ImagePredictions:
        predictor = model.predictor
        with answer.measure("decode"):
            images = predictor.pre_process(image)
        start = time.perf_counter()
        with self._gate.run():
            waited = time.perf_counter() - start
            answer.seconds["wait"] += waited
            with answer.measure("model"), MODEL_SECONDS.labels(model.card.project_type).time():
                outputs = predictor.forward(images)
        WAIT_SECONDS.observe(waited)
        with answer.measure("post"):
            predictions = predictor.post_process(outputs, images.shape, image.shape, options)
            picture = annotated(image, predictions, model.card.classes) if draw else None
        return ImagePredictions(image.shape[1], image.shape[0], predictions, picture)
