"""Predicts with any stored model: a bounded cache of open sessions, and a bounded number of waiting callers."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from bson import ObjectId

from datasets.images import decode
from inference.protocol import ModelCard, Prediction, Predictor
from inference.registry import PREDICTORS
from inference.sessions import open_session
from storage.store import Store
from utils import Settings, Unavailable

MODEL_FILE = "model.onnx"
_BYTES_PER_FILE_BYTE = 3  # weights, their optimised copy, and the arena of a first run, as measured on small nets
_RUNNING = 2


class Damaged(Unavailable):
    """A stored model is not what was stored."""


class Engine:
    """Safe to call from many threads; one to a process."""

    def __init__(self, store: Store, settings: Settings):
        self._store = store
        self._max_pixels = settings.max_image_pixels
        self._max_bytes = settings.model_cache_bytes
        self._places = threading.BoundedSemaphore(settings.inference_queue + _RUNNING)
        self._running = threading.BoundedSemaphore(_RUNNING)
        self._lock = threading.Lock()
        self._loading: dict[ObjectId, threading.Lock] = {}
        self._models: OrderedDict[ObjectId, tuple[Predictor, int]] = OrderedDict()

    def predict(self, model_id: ObjectId, content: bytes) -> list[Prediction]:
        """Predict one image file with a stored model.

        Raises:
            InvalidInput: not an image.
            TooLarge: too many pixels.
            NotFound: the model was deleted.
            Unavailable: too many callers wait already.
        """
        with self._place():
            image: np.ndarray = decode(content, self._max_pixels)
            predictor = self._predictor(model_id)
            with self._running:
                return predictor.predict(image)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Unavailable("too many inferences are waiting: try again in a moment", retry_after_seconds=1)
        try:
            yield
        finally:
            self._places.release()

    def _predictor(self, model_id: ObjectId) -> Predictor:
        with self._lock:
            if model_id in self._models:
                self._models.move_to_end(model_id)
                return self._models[model_id][0]
            loading = self._loading.setdefault(model_id, threading.Lock())
        with loading:  # only callers of this model wait for it
            with self._lock:
                if model_id in self._models:
                    return self._models[model_id][0]
            try:
                predictor, size = self._load(model_id)
                self._keep(model_id, predictor, size)
                return predictor
            finally:
                with self._lock:
                    self._loading.pop(model_id, None)

    def _load(self, model_id: ObjectId) -> tuple[Predictor, int]:
        model = self._store.models.get(model_id)
        file = model.files[MODEL_FILE]
        content = self._store.artifacts.read(file.file_id)
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise Damaged("the stored model is damaged: train the project again")
        card = ModelCard(**model.card)
        return PREDICTORS[card.project_type](open_session(content), card), len(content) * _BYTES_PER_FILE_BYTE

    def _keep(self, model_id: ObjectId, predictor: Predictor, size: int) -> None:
        with self._lock:
            self._models[model_id] = (predictor, size)
            total = sum(entry[1] for entry in self._models.values())
            while total > self._max_bytes and len(self._models) > 1:
                total -= self._models.popitem(last=False)[1][1]
