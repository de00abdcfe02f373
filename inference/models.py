"""Models ready to predict: loaded away from the requests, warmed, and let go of when room is needed."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong  # not the built-in one before Python 3.11
from contextlib import nullcontext, suppress
from dataclasses import dataclass

from bson import ObjectId
from pydantic import ValidationError

from inference.answers import Damaged
from inference.batching import BatchingSession
from inference.check import check_model
from inference.elastic import ElasticSession
from inference.hardware import Hardware
from inference.metrics import CACHE_HITS, MODEL_LOADS
from inference.protocol import ModelCard, Predictor
from inference.registry import PREDICTORS
from inference.sessions import Session, open_session
from inference.suspects import Suspects
from storage.file_cache import DamagedFile, FileCache
from storage.models import ModelFile
from storage.store import Store
from utils import NotFound, Unavailable

MODEL_FILE = "model.onnx"
_SUFFIX = "onnx"
# Weights, their rearranged copy and the graph, as measured: 2.4 times the file for nets of 3 and 9 MB.
_BYTES_PER_FILE_BYTE = 2.5
_BYTES_PER_SESSION = 3_000_000
_COPIES_WHILE_LOADING = 4  # the content, what the check reads of it, what the runtime reads, and optimises
# What runs need together, callers' threads and images, and what the heap cannot give back: with 9 models in memory and
# 1,000 callers 58 MB in the engine and 30 MB in the web processes. It comes out of what models may take.
_BYTES_BESIDE_MODELS = 80_000_000
_MOST_BESIDE_MODELS = 0.25
_LOADERS = 1
_PATIENCE_SECONDS = 10.0
_RETRY_AFTER_SECONDS = 2


def _session_bytes(file_bytes: int) -> int:
    return int(file_bytes * _BYTES_PER_FILE_BYTE + _BYTES_PER_SESSION)


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory."""

    project_id: ObjectId
    predictor: Predictor
    card: ModelCard
    file_bytes: int
    session: ElasticSession | BatchingSession

    @property
    def size(self) -> int:
        """An estimate in bytes."""
        return self.session.count * _session_bytes(self.file_bytes)


class Models:
    """The models used last, as many as fit. Safe to call from many threads.

    Args:
        max_bytes: what they may take together, with all that serving them needs; one that takes more by itself is
            loaded alone.
        files: copies on disk, which the engines of a machine share.
        suspects: where it is remembered what is being loaded; None when nobody would read it.
    """

    def __init__(
        self,
        store: Store,
        max_bytes: int,
        files: FileCache,
        hardware: Hardware,
        suspects: Suspects | None = None,
    ):
        self._store = store
        self._max_bytes = max_bytes - min(_BYTES_BESIDE_MODELS, int(_MOST_BESIDE_MODELS * max_bytes))
        self._files = files
        self._hardware = hardware
        self._suspects = suspects
        self._lock = threading.Lock()
        self._loaders = ThreadPoolExecutor(_LOADERS, "model-loader")
        self._loading: dict[ObjectId, Future[LoadedModel]] = {}
        self._loaded: OrderedDict[ObjectId, LoadedModel] = OrderedDict()

    def get(self, model_id: ObjectId) -> LoadedModel:
        """The model, loaded once however many ask for it; whoever asks for another does not wait for that.

        Raises:
            NotFound: it was deleted.
            Damaged: its file is not what was stored, or may not be run.
            Unavailable: the database does not answer, loading takes long, or an engine has just died over it.
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
        except TookTooLong:
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
        try:
            card = ModelCard(**model.card)
        except ValidationError:
            raise Damaged("the stored model's card cannot be read: train the project again") from None

        def open_with(threads: int) -> Session:
            # Before, not after: else there is one too many for a moment.
            self._make_room(_session_bytes(file.size) + _COPIES_WHILE_LOADING * file.size)
            with self._suspects.watched(file.sha256) if self._suspects else nullcontext():
                return self._open(file, card, threads)

        predictor = PREDICTORS[card.project_type]
        session = self._fitting(open_with, predictor.BATCHES)
        return LoadedModel(model.project_id, predictor(session, card), card, file.size, session)

    def _open(self, file: ModelFile, card: ModelCard, threads: int) -> Session:
        content = self._read(file)
        check_model(content)
        session = open_session(content, threads)
        del content
        # The first run takes longer than any later one.
        PREDICTORS[card.project_type](session, card).warm_up()
        give_back_memory()
        return session

    def _fitting(self, open_with: Callable[[int], Session], batches: bool) -> ElasticSession | BatchingSession:
        machine = self._hardware
        if machine.gpu_batch and batches:
            return BatchingSession(open_with(machine.cores), machine.gpu_batch)
        return ElasticSession(machine.cores, machine.busy, open_with, self._later)

    def _later(self, task: Callable[[], None]) -> None:
        def run() -> None:
            with suppress(Unavailable, NotFound):  # the model was deleted meanwhile, or the database is silent
                task()

        self._loaders.submit(run)

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

    def _make_room(self, wanted: int) -> None:
        """Let go of what was not used for longest; a model that is just predicting goes once it is done.

        Args:
            wanted: bytes that are about to be added.
        """
        with self._lock:
            total = wanted + sum(each.size for each in self._loaded.values())
            while total > self._max_bytes and self._loaded:
                total -= self._loaded.popitem(last=False)[1].size

    def close(self) -> None:
        """End the loader once it is done with what it is at."""
        self._loaders.shutdown(wait=False, cancel_futures=True)
        if self._suspects:
            self._suspects.clear()


def give_back_memory() -> None:
    """Have the C library return to the system what it holds free.

    It does so by itself only at the upper end of its heap: after ten loads and evictions each, ten small models took
    360 MB without this and 220 MB with it.
    """
    _malloc_trim()(0)


@functools.cache
def _malloc_trim() -> Callable[[int], int]:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    return trim or (lambda pad: 0)  # other C libraries than glibc have none
