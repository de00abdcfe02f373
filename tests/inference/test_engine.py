"""The engine on real sessions: each model loaded once, a bounded cache, a bounded queue, no mixed-up answers."""

from __future__ import annotations

import dataclasses
import io
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from PIL import Image

import inference.vision
from inference.engine import LocalEngine
from settings import Settings
from storage.file_cache import FileCache
from storage.models import Model
from storage.store import Store
from tests.conftest import wait_until
from tests.inference.models import store_brightness_model
from utils import InvalidInput, NotFound, TooManyRequests, Unavailable


def grey(level: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), (level,) * 3).save(stream, "PNG")
    return stream.getvalue()


def a_model(store: Store, name: str) -> Model:
    user = store.users.find("ada") or store.users.create("ada", b"long enough")
    return store_brightness_model(store, store.projects.create(user, name, "classification"))


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return dataclasses.replace(settings, data_dir=tmp_path)


def forget(store: Store, settings: Settings, *models: Model) -> None:
    """Delete models' files wherever they lie; what is in memory stays."""
    store.artifacts.delete(*(model.files["model.onnx"].file_id for model in models))
    shutil.rmtree(settings.data_dir / "cache" / "models")


@pytest.fixture
def engine(store: Store, settings: Settings) -> LocalEngine:
    return LocalEngine(store, settings)


def test_every_caller_gets_the_answer_to_his_own_image(engine: LocalEngine, store: Store) -> None:
    model = a_model(store, "p")
    levels = list(range(0, 256, 5)) * 4
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda level: engine.predict(model.id, grey(level)), levels))
    for level, answer in zip(levels, answers, strict=True):
        confidences = {prediction.class_name: prediction.confidence for prediction in answer}
        assert confidences["bright"] == pytest.approx(level / 255, abs=1e-5)
        assert answer[0].confidence >= answer[1].confidence
        assert answer[0].box_px == (0, 0, 16, 16)


def test_a_model_is_read_once_however_many_callers_come_at_once(
    engine: LocalEngine, store: Store, settings: Settings
) -> None:
    model = a_model(store, "p")
    barrier = threading.Barrier(8)

    def call(_: int) -> None:
        barrier.wait()
        engine.predict(model.id, grey(9))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(call, range(8)))
    forget(store, settings, model)
    assert engine.predict(model.id, grey(255))[0].class_name == "bright"
    with pytest.raises(NotFound):
        LocalEngine(store, settings).predict(model.id, grey(255))


def test_a_model_fetched_once_is_taken_from_disk_and_fetched_anew_when_the_copy_is_damaged(
    engine: LocalEngine, store: Store, settings: Settings
) -> None:
    model = a_model(store, "p")
    engine.predict(model.id, grey(1))
    [copy] = (settings.data_dir / "cache" / "models").rglob("*.onnx")
    copy.chmod(0o600)
    copy.write_bytes(b"damaged")
    assert LocalEngine(store, settings).predict(model.id, grey(255))[0].class_name == "bright"
    store.artifacts.delete(model.files["model.onnx"].file_id)
    assert LocalEngine(store, settings).predict(model.id, grey(0))[0].class_name == "dark"


def test_callers_of_a_loaded_model_do_not_wait_for_one_that_loads(
    engine: LocalEngine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, cold = a_model(store, "ready"), a_model(store, "cold")
    engine.predict(ready.id, grey(1))
    go_on = threading.Event()
    read = FileCache.fetch

    def slow_fetch(*arguments: Any) -> Path:
        assert go_on.wait(30)
        return read(*arguments)

    monkeypatch.setattr(FileCache, "fetch", slow_fetch)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(engine.predict, cold.id, grey(255))
        assert engine.predict(ready.id, grey(255))[0].class_name == "bright"
        assert not waiting.done()
        go_on.set()
        assert waiting.result(30)[0].class_name == "bright"


def test_past_its_bound_the_cache_lets_go_of_the_model_that_was_not_used_for_longest(
    store: Store, settings: Settings
) -> None:
    models = [a_model(store, name) for name in "abc"]
    size = models[0].files["model.onnx"].size
    beside_models = 4 / 3  # a quarter of a small cache
    room_for_two = int(beside_models * (2 * int(2.5 * size + 3_000_000) + 4 * size)) + 1
    engine = LocalEngine(store, dataclasses.replace(settings, model_cache_bytes=room_for_two))
    for position in (0, 1, 0, 2):
        engine.predict(models[position].id, grey(1))
    forget(store, settings, *models)
    engine.predict(models[0].id, grey(1))
    engine.predict(models[2].id, grey(1))
    with pytest.raises(NotFound):
        engine.predict(models[1].id, grey(1))


@contextmanager
def held_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While the block runs, no image comes past its decoding."""
    go_on, decode = threading.Event(), inference.vision.decode

    def held(*arguments: Any) -> Any:
        assert go_on.wait(30)
        return decode(*arguments)

    monkeypatch.setattr(inference.vision, "decode", held)
    try:
        yield
    finally:
        go_on.set()


def test_past_the_bound_of_waiting_callers_the_answer_is_come_back_later(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = a_model(store, "p")
    engine = LocalEngine(store, dataclasses.replace(settings, inference_queue=1, inference_cores=2))
    engine.predict(model.id, grey(1))
    with ThreadPoolExecutor(4) as threads, held_up(monkeypatch):
        held = [threads.submit(engine.predict, model.id, grey(1), f"user {number}") for number in range(3)]
        wait_until(lambda: not engine.has_room(), 10)
        with pytest.raises(Unavailable) as refused:
            engine.predict(model.id, grey(1))
        assert refused.value.retry_after_seconds >= 1
        assert not any(call.done() for call in held)
    assert engine.has_room()
    assert engine.predict(model.id, grey(0))[0].class_name == "dark"


def test_a_caller_with_many_images_under_way_keeps_nobody_else_out(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = a_model(store, "p")
    engine = LocalEngine(store, dataclasses.replace(settings, inference_images_per_user=3, inference_cores=1))
    engine.predict(model.id, grey(1))
    with ThreadPoolExecutor(2) as threads, held_up(monkeypatch):
        many = threads.submit(engine.predict_batch, model.id, [grey(1)] * 3, caller="ada")
        wait_until(lambda: engine._pool.busy == 3, 10)
        with pytest.raises(TooManyRequests, match="3 images of yours"):
            engine.predict(model.id, grey(1), "ada")
        other = threads.submit(engine.predict, model.id, grey(255), "bob")
        wait_until(lambda: engine._pool.busy == 4, 10)
    assert len(many.result(30).images) == 3
    assert other.result(30)[0].class_name == "bright"


def test_what_is_no_image_and_what_is_no_model_harm_nobody(engine: LocalEngine, store: Store) -> None:
    model = a_model(store, "p")
    for _ in range(100):
        with pytest.raises(InvalidInput):
            engine.predict(model.id, b"no image")
        with pytest.raises(NotFound):
            engine.predict(ObjectId(), grey(1))
    assert engine.predict(model.id, grey(255))[0].class_name == "bright"


def test_a_model_file_that_changed_since_it_was_stored_is_never_opened(engine: LocalEngine, store: Store) -> None:
    model = a_model(store, "p")
    file_id = model.files["model.onnx"].file_id
    chunk = store.database["artifacts.chunks"].find_one({"files_id": file_id})
    assert chunk is not None
    store.database["artifacts.chunks"].update_one(
        {"_id": chunk["_id"]}, {"$set": {"data": bytes(chunk["data"][:-1]) + b"\x00"}}
    )
    with pytest.raises(Unavailable, match="damaged"):
        engine.predict(model.id, grey(1))
