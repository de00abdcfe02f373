"""Models ready to predict: loaded away from the requests, warmed, and let go of when room is needed."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from bson import ObjectId

from inference.check import Damaged, check_model
from inference.metrics import CACHE_HITS, MODEL_LOADS
from inference.protocol import ModelCard, Predictor
from inference.registry import PREDICTORS
from inference.sessions import open_session
from storage.file_cache import DamagedFile, FileCache
from storage.models import ModelFile
from storage.store import Store
from utils import Unavailable

MODEL_FILE = "model.onnx"
_SUFFIX = "onnx"
_BYTES_PER_FILE_BYTE = 3  # weights, their optimised copy, and the arena of a first run, as measured on small nets
_LOADERS = 1
_PATIENCE_SECONDS = 10.0
_RETRY_AFTER_SECONDS = 2


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory; `size` is an estimate in bytes."""

    predictor: Predictor
    card: ModelCard
    size: int


class Models:
    """The models used last, as many as fit. Safe to call from many threads.

    Args:
        max_bytes: what they may take together; the one in use stays even when it alone takes more.
        files: copies on disk, which the web processes of a machine share.
    """

    def __init__(self, store: Store, max_bytes: int, files: FileCache):
        self._store = store
        self._max_bytes = max_bytes
        self._files = files
        self._lock = threading.Lock()
        self._loaders = ThreadPoolExecutor(_LOADERS, "model-loader")
        self._loading: dict[ObjectId, Future[LoadedModel]] = {}
        self._loaded: OrderedDict[ObjectId, LoadedModel] = OrderedDict()

    def get(self, model_id: ObjectId) -> LoadedModel:
        """The model, loaded once however many ask for it; whoever asks for another does not wait for that.

        Raises:
            NotFound: it was deleted.
            Damaged: its file is not what was stored, or may not be run.
            Unavailable: the database does not answer, or loading takes long.
        """
        with self._lock:
            if model_id in self._loaded:
                self._loaded.move_to_end(model_id)
                CACHE_HITS.inc()
                return self._loaded[model_id]
            future = self._loading.get(model_id)
            if future is None:
                future = self._loading[model_id] = self._loaders.submit(self._bring, model_id)
        try:
            return future.result(_PATIENCE_SECONDS)
        except TimeoutError:
            raise Unavailable(
                "the model is being loaded: try again in a moment", retry_after_seconds=_RETRY_AFTER_SECONDS
            ) from None

    def _bring(self, model_id: ObjectId) -> LoadedModel:
        result = "failed"
        try:
            model = self._load(model_id)
            self._keep(model_id, model)
            result = "loaded"
            return model
        finally:
            MODEL_LOADS.labels(result).inc()
            with self._lock:
                del self._loading[model_id]

    def _load(self, model_id: ObjectId) -> LoadedModel:
        model = self._store.models.get(model_id)
        file = model.files[MODEL_FILE]
        content = self._read(file)
        check_model(content)
        card = ModelCard(**model.card)
        predictor = PREDICTORS[card.project_type](open_session(content), card)
        # The first run plans memory and picks kernels, which takes longer than any later one.
        predictor.predict(np.zeros((card.image_size, card.image_size, 3), np.uint8))
        return LoadedModel(predictor, card, len(content) * _BYTES_PER_FILE_BYTE)

    def _read(self, file: ModelFile) -> bytes:
        """The content, which has the recorded hash whatever has happened to the copy on disk."""
        for _ in range(2):
            try:
                path = self._files.fetch(self._store.artifacts, file.file_id, file.sha256, _SUFFIX)
                content = path.read_bytes()
            except DamagedFile:
                break
            except FileNotFoundError:
                continue  # another process's eviction came between
            if hashlib.sha256(content).hexdigest() == file.sha256:
                self._files.evict(keep={path})
                return content
            with suppress(OSError):
                path.unlink()
        raise Damaged("the stored model is damaged: train the project again")

    def _keep(self, model_id: ObjectId, model: LoadedModel) -> None:
        with self._lock:
            self._loaded[model_id] = model
            total = sum(each.size for each in self._loaded.values())
            while total > self._max_bytes and len(self._loaded) > 1:
                total -= self._loaded.popitem(last=False)[1].size
