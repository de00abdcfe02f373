"""Memory of each process at rest, and what a thousand requests at once on fifty models add to it."""

from __future__ import annotations

import dataclasses
import os
import random
import time
from collections.abc import Iterator

from benchmarks.serving import platform, words
from benchmarks.serving.bench import Bench
from benchmarks.serving.load import OK
from benchmarks.serving.loads import run
from benchmarks.serving.memory_of import MEBIBYTE, Peak, Usage, cpu_seconds, proportional_bytes, usage
from benchmarks.serving.models import relabelled
from benchmarks.serving.plan import Plan
from benchmarks.serving.platform import Platform
from benchmarks.serving.program import HOST
from benchmarks.serving.statistics import ratio
from benchmarks.serving.table import Row, Target

MODEL = "detection-320-float32"
MODELS, REQUESTS, CALLERS = 50, 1000, 8
CACHE_BYTES = 256 * MEBIBYTE
_PART = "memory"
_MOST_WEB_BYTES = 150_000_000
_MOST_OF_CACHE = 1.2
_MOST_SECONDS = 600.0
_IDLE_SECONDS = 10.0
_DATABASE, _WORKER = "database", "worker"


def measure(bench: Bench) -> Iterator[Row]:
    """On a platform of its own, whose cache holds some of the models."""
    bench.close()
    folder = bench.folder / "memory"
    with platform.running(folder, bench.users, DIYML_MODEL_CACHE_BYTES=str(CACHE_BYTES)) as own:
        rest = usage(own.pid)
        yield from _at_rest(rest)
        yield _idle(own)
        model = bench.models[MODEL]
        content, card = model.path.read_bytes(), model.card()
        paths = [own.publish(f"copy-{number}", relabelled(content, number), card) for number in range(MODELS)]
        yield from _one_model(bench, own, paths[0])
        yield from _crowd(bench, own, paths, rest)
        yield Row(_PART, "each process afterwards, resident (own share), MiB", _listed(usage(own.pid)))


def _at_rest(processes: list[Usage]) -> Iterator[Row]:
    yield Row(_PART, "each process at rest, resident (own share), MiB", _listed(processes))
    yield Row(_PART, "all processes together at rest", words.mebibytes(proportional_bytes(processes)))
    web = [item for item in processes if item.kind == "web"]
    largest = max((item.resident_bytes for item in web), default=0)
    target = Target("<= 150 MB", largest if web else float("nan"), at_most=_MOST_WEB_BYTES)
    yield Row(_PART, f"largest of {len(web)} web processes at rest, resident", words.mebibytes(largest), target=target)
    having = [item for item in processes if item.torch]
    in_web = sum(item.kind == "web" for item in having)
    kinds = ", ".join(sorted(item.kind for item in having)) or "none"
    yield Row(_PART, "processes with torch in memory", kinds, target=Target("no web process", in_web, at_most=0))


def _idle(own: Platform) -> Row:
    """It goes on while the baselines are measured, so it must not take much."""
    before = cpu_seconds(own.pid)
    time.sleep(_IDLE_SECONDS)  # What happens while nothing does is what is measured.
    share = (cpu_seconds(own.pid) - before) / _IDLE_SECONDS
    return Row(_PART, "all processes together at rest, of one core", f"{share:.1%}")


def _one_model(bench: Bench, own: Platform, path: str) -> Iterator[Row]:
    """What serves, once it has served one model for a while; the database and the worker are for other things."""
    plan = bench.plan_for(own.port, path, tokens=own.tokens, callers=CALLERS, seconds=bench.extent.of(10, 3))
    run(plan)
    ours = proportional_bytes(usage(own.pid), _DATABASE, _WORKER)
    what = f"{bench.models[MODEL].title} after {words.callers(CALLERS)}: all processes but database and worker"
    model = bench.models[MODEL]
    workers = len(os.sched_getaffinity(0))
    for program, theirs in ((bench.flask(), f"/{model.name}"), (bench.litserve(model, workers), "/predict")):
        with program.running() as process:
            run(dataclasses.replace(plan, port=program.port, paths=[theirs]))
            taken = proportional_bytes(usage(process.process.pid))
        baseline = f"{program.name}: {words.mebibytes(taken)}"
        yield Row(_PART, what, words.mebibytes(ours), baseline, ratio(ours, taken))


def _crowd(bench: Bench, own: Platform, paths: list[str], rest: list[Usage]) -> Iterator[Row]:
    images = [str(image) for image in bench.images]
    count = bench.extent.count(REQUESTS, REQUESTS // 5)
    items = [(number % len(paths), number % len(images)) for number in range(count)]
    # In a fixed order every one of them would be for the model that was let go of last.
    random.Random(0).shuffle(items)
    plan = Plan(HOST, own.port, paths, images, items, own.tokens, count, _MOST_SECONDS, count=count, persist=True)
    peak = Peak(own.pid, _DATABASE)
    with peak.watched():
        outcome = run(plan)
    done = outcome.status.count(OK)
    refused = len(outcome.status) - done
    grown = peak.highest_bytes - proportional_bytes(rest, _DATABASE)
    share = ratio(grown, CACHE_BYTES)
    target = Target(f"<= {_MOST_OF_CACHE}", share, at_most=_MOST_OF_CACHE)
    what = f"{count:,} parallel requests on {MODELS} models: growth of all processes but the database, at its highest"
    cache = f"configured cache: {words.mebibytes(CACHE_BYTES)}"
    yield Row(_PART, what, words.mebibytes(grown), cache, share, target)
    after = usage(own.pid)
    left = proportional_bytes(after, _DATABASE) - proportional_bytes(rest, _DATABASE)
    yield Row(_PART, "the same, afterwards", words.mebibytes(left), cache, ratio(left, CACHE_BYTES))
    whole = proportional_bytes(after) - proportional_bytes(rest)
    yield Row(_PART, "the same, with the database", words.mebibytes(whole))
    told = f"{done:,} in {outcome.wall_seconds:.0f} s, {refused:,} refused and sent again"
    yield Row(_PART, "answered", told, target=Target("all", done, at_least=count))


def _listed(processes: list[Usage]) -> str:
    ordered = sorted(processes, key=lambda item: (item.kind, -item.proportional_bytes))
    return ", ".join(
        f"{item.kind} {item.resident_bytes / MEBIBYTE:.0f} ({item.proportional_bytes / MEBIBYTE:.0f})"
        for item in ordered
    )
