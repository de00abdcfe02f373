"""The engine in a process of its own answers as one in this process does, and its end is nobody else's."""

from __future__ import annotations

import dataclasses
import io
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from bson import ObjectId
from PIL import Image

from inference.answers import Answer, Damaged, Engine, Left, RowPredictions
from inference.engine import LocalEngine
from inference.protocol import Options
from inference.service.client import RemoteEngine
from inference.service.folder import RunFolder
from inference.service.wire import pack_answer, unpack_answer
from inference.suspects import REFUSED_SECONDS
from launch.members import member_environment
from settings import Settings
from storage.models import Model
from storage.store import Store
from tests.conftest import wait_until
from tests.inference.models import brightness_model, endless_model, store_brightness_model
from utils import DomainError, InvalidInput, NotFound, TooLarge, TooManyRequests, Unavailable

MOST_PIXELS = 10_000


def grey(level: int, side_px: int = 16) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (side_px, side_px), (level,) * 3).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return dataclasses.replace(
        settings, data_dir=tmp_path, max_image_pixels=MOST_PIXELS, inference_images_per_user=4, inference_queue=5
    )


@contextmanager
def running(folder: RunFolder, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A real engine process."""
    command = [sys.executable, "-m", "inference.service", str(folder.path)]
    process = subprocess.Popen(command, env=member_environment(settings))
    try:
        wait_until(RemoteEngine(folder).answers, 60)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def folder(settings: Settings) -> RunFolder:
    return RunFolder.of(settings).make_anew()


@pytest.fixture(params=["local", "remote"])
def engine(request: pytest.FixtureRequest, store: Store, settings: Settings, folder: RunFolder) -> Iterator[Engine]:
    if request.param == "local":
        yield LocalEngine(store, settings)
    else:
        with running(folder, settings):
            yield RemoteEngine(folder)


def a_model(store: Store, name: str, content: bytes = brightness_model()) -> Model:
    user = store.users.find("ada") or store.users.create("ada", b"long enough")
    return store_brightness_model(store, store.projects.create(user, name, "classification"), content)


@pytest.fixture
def model(store: Store) -> Model:
    return a_model(store, "p")


def error_of(call: Callable[[], object]) -> DomainError:
    with pytest.raises(DomainError) as caught:
        call()
    return caught.value


def test_it_answers_images_of_a_request_in_their_order_with_options_and_pictures(engine: Engine, model: Model) -> None:
    levels = [0, 255, 51]
    answer = engine.predict_batch(model.id, [grey(level) for level in levels], Options(top_k=1), draw=True)
    found = [(image.predictions[0].class_name, image.width, image.height) for image in answer.images]
    assert found == [("dark", 16, 16), ("bright", 16, 16), ("dark", 16, 16)]
    assert answer.images[2].predictions[0].confidence == pytest.approx(0.8, abs=1e-6)
    assert all(Image.open(io.BytesIO(image.picture or b"")).format == "JPEG" for image in answer.images)
    assert all(0 < answer.seconds[stage] < 30 for stage in ("decode", "wait", "model", "post"))
    assert engine.predict_batch(model.id, [grey(1)]).images[0].picture is None


def test_its_errors_are_those_of_the_caller_to_the_word(engine: Engine, model: Model, store: Store) -> None:
    def predict(*contents: bytes, **more: object) -> Callable[[], object]:
        return lambda: engine.predict_batch(model.id, list(contents), **more)

    error = error_of(predict(grey(1), b"no image"))
    assert isinstance(error, InvalidInput)
    assert error.detail.startswith("image 2 of 2: not an image")
    assert error.errors[0]["field"] == "image_data"
    assert isinstance(error_of(predict(grey(1, side_px=200))), TooLarge)
    assert "iou: classification models know confidence" in error_of(predict(grey(1), options=Options(iou=0.5))).detail
    gone = ObjectId()
    assert isinstance(error_of(lambda: engine.predict(gone, grey(1))), NotFound)
    other = a_model(store, "other")
    store.database["models"].update_one({"_id": other.id}, {"$set": {"files.0.sha256": "0" * 64}})
    assert isinstance(error_of(lambda: engine.predict(other.id, grey(1))), Damaged)


def test_limits_are_charged_to_the_caller(engine: Engine, model: Model) -> None:
    assert engine.answers()
    levels = [grey(level) for level in range(0, 250, 10)] * 3
    with ThreadPoolExecutor(16) as threads:
        calls = [threads.submit(engine.predict_batch, model.id, [content] * 3, caller="ada") for content in levels]
        errors = [call.exception(60) for call in calls]
    assert {type(error) for error in errors} <= {type(None), TooManyRequests, Unavailable}
    assert None in errors
    assert TooManyRequests in map(type, errors)
    assert engine.predict(model.id, grey(255), "bob")[0].class_name == "bright"


def test_callers_never_get_anothers_answer(store: Store, settings: Settings, folder: RunFolder, model: Model) -> None:
    levels = list(range(0, 256, 5)) * 8
    settings = dataclasses.replace(settings, inference_queue=64, inference_images_per_user=64)
    with running(folder, settings), ThreadPoolExecutor(16) as threads:
        engine = RemoteEngine(folder)
        for level, answer in zip(levels, threads.map(lambda n: engine.predict(model.id, grey(n)), levels), strict=True):
            assert {p.class_name: p.confidence for p in answer}["bright"] == pytest.approx(level / 255, abs=1e-5)


def test_while_it_is_gone_callers_are_told_to_come_back_and_then_it_serves_again(
    settings: Settings, folder: RunFolder, model: Model
) -> None:
    engine = RemoteEngine(folder)
    absent = error_of(lambda: engine.predict(model.id, grey(1)))
    assert isinstance(absent, Unavailable)
    assert absent.retry_after_seconds >= 1
    assert not engine.answers()
    with running(folder, settings) as process:
        assert engine.predict(model.id, grey(255))[0].class_name == "bright"
        process.kill()
        process.wait()
        assert isinstance(error_of(lambda: engine.predict(model.id, grey(1))), Unavailable)
    with running(folder, settings):
        assert engine.predict(model.id, grey(255))[0].class_name == "bright"


def test_a_request_that_is_with_it_when_it_is_killed_is_answered_come_back(
    settings: Settings, folder: RunFolder, model: Model
) -> None:
    engine = RemoteEngine(folder)
    with running(folder, settings) as process, ThreadPoolExecutor(1) as threads:
        engine.predict(model.id, grey(1))
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
        call = threads.submit(engine.predict, model.id, grey(1))
        wait_until(lambda: not engine._idle)
        process.kill()
        assert isinstance(call.exception(30), Unavailable)


def test_a_model_that_ended_the_engine_while_it_was_loaded_is_refused_for_a_while_and_others_are_not(
    settings: Settings, folder: RunFolder, model: Model, store: Store
) -> None:
    poisoned, engine = a_model(store, "poisoned", endless_model()), RemoteEngine(folder)
    with running(folder, settings) as process, ThreadPoolExecutor(1) as threads:
        engine.predict(model.id, grey(1))
        call = threads.submit(engine.predict, poisoned.id, grey(1))
        wait_until(lambda: any(folder.suspects.iterdir()))
        process.send_signal(signal.SIGSEGV)
        assert isinstance(call.exception(30), Unavailable)
    with running(folder, settings) as process:
        refused = error_of(lambda: engine.predict(poisoned.id, grey(1)))
        assert isinstance(refused, Unavailable)
        assert "ended while it loaded this model" in refused.detail
        assert 0 < refused.retry_after_seconds <= REFUSED_SECONDS
        assert engine.predict(model.id, grey(255))[0].class_name == "bright"
        [mark] = folder.suspects.iterdir()
        os.utime(mark, times=(0, 0))  # long ago
        threading.Thread(target=error_of, args=[lambda: engine.predict(poisoned.id, grey(1))]).start()
        wait_until(lambda: len(list(folder.suspects.iterdir())) == 2)
        process.terminate()
        assert process.wait(15) == 0
        # It ended in order, so that nothing is held against the model.
        assert list(folder.suspects.iterdir()) == [mark]


def test_it_works_in_a_deep_folder_and_lets_nobody_else_in(settings: Settings, tmp_path: Path, model: Model) -> None:
    deep = dataclasses.replace(settings, data_dir=tmp_path / ("d" * 60) / ("e" * 60) / ("f" * 60))
    folder = RunFolder.of(deep).make_anew()
    with running(folder, deep):
        assert RemoteEngine(folder).predict(model.id, grey(255))[0].class_name == "bright"
        assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
        assert stat.S_IMODE(folder.socket.stat().st_mode) == 0o600


def test_told_to_end_it_ends_in_order(settings: Settings, folder: RunFolder) -> None:
    with running(folder, settings) as process:
        process.terminate()
        assert process.wait(15) == 0


def test_predictions_of_rows_travel_with_their_warnings():
    rows = RowPredictions([{"value": 1.5}, {"class": "ja", "probabilities": {"ja": 0.75}}], ["a column is missing"])
    answer = Answer.of([rows], {"model": 0.5}, Left(3))
    assert answer.rows == [rows]
    assert answer.images == []
    assert unpack_answer(*pack_answer(answer)) == answer


def test_a_request_counts_as_many_places_as_it_is_said_to_take(store: Store, model: Model, settings: Settings):
    engine = LocalEngine(store, dataclasses.replace(settings, inference_images_per_minute=10))
    left = engine.predict_batch(model.id, [grey(1)], caller="ada", places=10).left
    assert left is not None
    assert left.a_minute is not None
    assert left.a_minute <= 5


def test_with_nothing_to_predict_a_model_is_loaded_and_tried(engine: Engine, model: Model):
    assert engine.predict_batch(model.id, []).images == []
    with pytest.raises(NotFound):
        engine.predict_batch(ObjectId(), [])
