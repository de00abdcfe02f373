"""Predicts with any stored model in this process: decode, run, choose; each with the time it took."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any

from bson import ObjectId

from inference.answers import NOBODY, STAGES, Answer, Engine
from inference.gate import Gate, Limits
from inference.hardware import hardware
from inference.metrics import MODEL_SECONDS, WAIT_SECONDS
from inference.models import LoadedModel, Models
from inference.pool import FairPool
from inference.protocol import NO_OPTIONS, Bounds, Options
from inference.suspects import Suspects
from inference.usage import UsageRecorder
from settings import Settings
from storage.file_cache import FileCache
from storage.store import Store
from utils import DomainError

_INTERNAL = "internal_error"


class LocalEngine(Engine):
    """One to a machine, or else each has limits and memory of its own.

    Args:
        tell: is told for how many more images there is room, whenever that changes.
        suspects: what earlier engines died over; None when nobody starts another after this one.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        tell: Callable[[int], None] = lambda places: None,
        suspects: Suspects | None = None,
    ):
        machine = hardware(settings.inference_cores, settings.gpu_batch)
        limits = Limits(
            running=machine.lanes,
            waiting=settings.inference_queue,
            wait_seconds=settings.inference_wait_seconds,
            per_caller=settings.inference_images_per_user,
            per_minute=settings.inference_images_per_minute,
        )
        self._bounds = Bounds(settings.max_image_pixels)
        self._gate = Gate(limits, tell)
        self._pool = FairPool(machine.lanes)
        copies = FileCache(settings.data_dir / "cache" / "models", settings.model_disk_cache_bytes)
        machine = dataclasses.replace(machine, busy=lambda: self._pool.busy)
        self._models = Models(store, settings.model_cache_bytes, copies, machine, suspects)
        self._usage = UsageRecorder(store.usage)

    def predict_batch(
        self,
        model_id: ObjectId,
        contents: list[bytes],
        options: Options = NO_OPTIONS,
        draw: bool = False,
        caller: str = NOBODY,
        places: int | None = None,
    ) -> Answer:
        """See `Engine`; no more images are in memory, decoded, than there are threads."""
        places = len(contents) if places is None else places
        with self._gate.admit(caller, places):
            came = time.perf_counter()
            model = self._models.get(model_id)
            tasks = [_Task(content, options, draw, self._bounds) for content in contents]
            with self._recorded(model_id, model, caller):
                options.check(model.predictor.OPTIONS, model.card.project_type)
                futures = [self._pool.submit(caller, partial(self._run, task, model)) for task in tasks]
                answer = Answer.of(_results(futures), _sum(tasks))
            answer.seconds["wait"] = (tasks[0].began if tasks else time.perf_counter()) - came
            answer.left = self._gate.left(caller, places)
            WAIT_SECONDS.observe(answer.seconds["wait"])
            return answer

    def has_room(self) -> bool:
        """See `Engine`."""
        return self._gate.room > 0

    def tell_room(self) -> None:
        """Tell for how many more images there is room, though it has not changed."""
        self._gate.tell_room()

    def answers(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Let the threads end, and write down how models were used."""
        self._pool.close()
        self._models.close()
        self._usage.close()

    @contextmanager
    def _recorded(self, model_id: ObjectId, model: LoadedModel, caller: str) -> Iterator[None]:
        """Count a call of somebody in the usage of the model: the time of the block, or how it failed."""
        began, error_code = time.perf_counter(), None
        try:
            yield
        except DomainError as error:
            error_code = error.code
            raise
        except Exception:  # only counted here, whatever it is
            error_code = _INTERNAL
            raise
        finally:
            if caller != NOBODY:
                self._usage.record(model.project_id, model_id, time.perf_counter() - began, error_code)

    def _run(self, task: _Task, model: LoadedModel) -> Any:
        result = task.run(model)
        self._gate.took(time.perf_counter() - task.began)
        return result


class _Task:
    """One content, such as an image file, from bytes to predictions."""

    def __init__(self, content: bytes, options: Options, draw: bool, bounds: Bounds):
        self._content = content
        self._options = options
        self._draw = draw
        self._bounds = bounds
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self.began = 0.0

    def run(self, model: LoadedModel) -> Any:
        self.began = time.perf_counter()
        predictor = model.predictor
        with self._measured("decode"):
            reading = predictor.read(self._content, self._bounds)
        with self._measured("model"):
            outputs = predictor.forward(reading.inputs)
        MODEL_SECONDS.labels(model.card.project_type).observe(self.seconds["model"])
        with self._measured("post"):
            return predictor.answer(outputs, reading, self._options, self._draw)

    @contextmanager
    def _measured(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start


def _results(futures: list[Future[Any]]) -> list[Any]:
    """What became of the contents of a request.

    Raises:
        DomainError: of the first that cannot be predicted; those after it are left out.
    """
    results = []
    try:
        for number, future in enumerate(futures, 1):
            try:
                results.append(future.result())
            except DomainError as error:
                if len(futures) == 1:
                    raise
                detail = f"image {number} of {len(futures)}: {error.detail}"
                raise type(error)(detail, error.errors) from None
    finally:
        for future in futures:
            future.cancel()
    return results


def _sum(tasks: list[_Task]) -> dict[str, float]:
    return {stage: sum(task.seconds[stage] for task in tasks) for stage in STAGES}
