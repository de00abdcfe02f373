"""From nothing to the first answer: of the whole server, and of one model that nobody has asked for yet."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil

from benchmarks.serving import platform, words
from benchmarks.serving.bench import Bench
from benchmarks.serving.load import OK
from benchmarks.serving.memory_of import usage
from benchmarks.serving.models import ServedModel, relabelled
from benchmarks.serving.program import Process, Program, get, post
from benchmarks.serving.statistics import median, ratio
from benchmarks.serving.table import Row, Target

MODEL = "detection-320-float32"
_PART = "coldstart"
_MOST_READY_SECONDS = 3.0
_MOST_SECONDS = 120.0
_PAUSE_SECONDS = 0.02


def measure(bench: Bench) -> Iterator[Row]:
    """Each server a few times, in turn."""
    bench.close()
    model, rounds = bench.models[MODEL], bench.extent.count(3, 1)
    folder = bench.folder / "coldstart"
    with platform.running(folder, users=1) as own:
        path, token = own.publish_model(model), own.tokens[0]
    ours: list[float] = []
    ready: list[float] = []
    web_ready: list[float] = []
    flask: list[float] = []
    lit: list[float] = []
    for _ in range(rounds):
        seen = _start_ours(platform.program(folder, bench.folder / "coldstart.log"), path, token, bench)
        for times, seconds in zip((ours, ready, web_ready), seen, strict=True):
            times.append(seconds)
        flask.append(_start(bench.flask(), f"/{model.name}", bench))
        lit.append(_start(bench.litserve(model, len(os.sched_getaffinity(0))), "/predict", bench))
    what, told = "cold start to the first prediction", _seconds(median(ours))
    for name, theirs in (("Flask", flask), ("LitServe", lit)):
        baseline = f"{name}: {_seconds(median(theirs))}"
        yield Row(_PART, what, told, baseline, ratio(median(ours), median(theirs)))
    target = Target(f"<= {_MOST_READY_SECONDS:.0f} s", median(web_ready), at_most=_MOST_READY_SECONDS)
    yield Row(_PART, "start of the web process until /ready says 200", _seconds(median(web_ready)), target=target)
    yield Row(_PART, "start of the whole platform until /ready says 200", _seconds(median(ready)))
    yield from _cold_model(bench, model)


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _start(program: Program, path: str, bench: Bench) -> float:
    """Seconds from the start of a server to its first prediction."""
    with program.started() as process:
        return _first_answer(process, path, "", bench)


def _first_answer(process: Process, path: str, token: str, bench: Bench) -> float:
    content = bench.images[0].read_bytes()
    while time.perf_counter() < process.begun + _MOST_SECONDS:
        if post(process.program.port, path, content, token=token)[0] == OK:
            return time.perf_counter() - process.begun
        time.sleep(_PAUSE_SECONDS)  # Nobody tells when a server listens.
    raise RuntimeError(f"no prediction of {process.program.name}; its log is {process.program.log}")


def _start_ours(program: Program, path: str, token: str, bench: Bench) -> tuple[float, float, float]:
    """Seconds to the first prediction, to /ready, and from the start of the web server to /ready."""
    with program.started() as process, ThreadPoolExecutor(1) as threads:
        being_ready = threads.submit(_ready, process)
        first, ready = _first_answer(process, path, token, bench), being_ready.result()
        now, now_by_the_clock = time.perf_counter(), time.time()
        web = [item.pid for item in usage(process.process.pid) if item.kind == "web"]
        web_began = min(psutil.Process(pid).create_time() for pid in web) - now_by_the_clock + now
    return first, ready, process.begun + ready - web_began


def _ready(process: Process) -> float:
    while time.perf_counter() < process.begun + _MOST_SECONDS:
        if get(process.program.port, "/ready") == OK:
            return time.perf_counter() - process.begun
        time.sleep(_PAUSE_SECONDS)  # Nobody tells when a server is ready.
    raise RuntimeError(f"{process.program.name} was never ready; its log is {process.program.log}")


def _cold_model(bench: Bench, model: ServedModel) -> Iterator[Row]:
    """A model that was just published, on a platform that runs and has others in memory."""
    bench.warm(model)
    shared, content, image = bench.platform(), model.path.read_bytes(), bench.images[0].read_bytes()
    token, card, path = shared.tokens[0], model.card(), bench.path(model)
    cold, warm = [], []
    for number in range(bench.extent.count(9, 3)):
        fresh = shared.publish(f"cold-{number}", relabelled(content, number), card)
        cold.append(_milliseconds(shared.port, fresh, image, token))
        warm.append(_milliseconds(shared.port, path, image, token))
    baseline = f"a model in memory: {words.ms(median(warm))}"
    times = ratio(median(cold), median(warm))
    yield Row(_PART, "first prediction of a cold model", words.ms(median(cold)), baseline, times)


def _milliseconds(port: int, path: str, image: bytes, token: str) -> float:
    begun = time.perf_counter()
    status, answer = post(port, path, image, token=token)
    if status != OK:
        raise RuntimeError(f"{path}: {status} {answer[:200]!r}")
    return (time.perf_counter() - begun) * 1000
