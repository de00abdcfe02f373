"""Does anybody ever get somebody else's boxes? Mixed images over many models at once, against one caller's answers."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator

from benchmarks.serving.bench import Bench
from benchmarks.serving.load import OK
from benchmarks.serving.loads import run
from benchmarks.serving.models import variants
from benchmarks.serving.plan import Plan
from benchmarks.serving.program import HOST
from benchmarks.serving.table import Row, Target

MODELS = ("detection-320-float32", "classification-224-float32")
COUNT, CALLERS = 20, 32
_PART = "answers"
_COMPARED = "results"
_MOST_SECONDS = 3600.0


def measure(bench: Bench) -> Iterator[Row]:
    """Twenty models that all see things a little differently."""
    paths = _publish(bench)
    shared, images = bench.platform(), [str(image) for image in bench.images]
    every = [(path, image) for path in range(len(paths)) for image in range(len(images))]
    alone = Plan(HOST, shared.port, paths, images, every, shared.tokens[:1], seconds=_MOST_SECONDS, persist=True)
    expected = _answers(alone, len(every))
    count = bench.extent.count(10_000, 500)
    mixed = random.Random(0).choices(every, k=count)
    crowd = Plan(
        HOST, shared.port, paths, images, mixed, shared.tokens, CALLERS, _MOST_SECONDS, persist=True, compare=_COMPARED
    )
    outcome = run(_counted(crowd, count))
    answered = [item for item, status in zip(outcome.item, outcome.status, strict=True) if status == OK]
    digests = [digest for digest, status in zip(outcome.digests, outcome.status, strict=True) if status == OK]
    differing = sum(digest != expected[mixed[item]] for item, digest in zip(answered, digests, strict=True))
    target = Target("0 of all", differing + count - len(answered), at_most=0)
    what = f"{count:,} mixed requests, {COUNT} models, {CALLERS} callers: answers that differ from one caller's"
    told = f"{differing} of {len(answered):,}"
    known = f"{len(set(expected.values()))} different answers to {len(every)} pairs of model and image"
    yield Row(_PART, what, told, known, target=target)


def _publish(bench: Bench) -> list[str]:
    paths = []
    for name in MODELS:
        model = bench.models[name]
        for number, content in enumerate(variants(model, COUNT // len(MODELS))):
            paths.append(bench.platform().publish(f"{name}-variant-{number}", content, model.card()))
    return paths


def _answers(plan: Plan, count: int) -> dict[tuple[int, int], str]:
    """What one caller gets, by path and image."""
    outcome = run(_counted(plan, count))
    found = zip(outcome.item, outcome.status, outcome.digests, strict=True)
    return {plan.items[item]: digest for item, status, digest in found if status == OK}


def _counted(plan: Plan, count: int) -> Plan:
    return dataclasses.replace(plan, count=count, compare=_COMPARED)
