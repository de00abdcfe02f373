"""Many published models, of which few are asked for often: 1, 50 and 1,000 of them, as Zipf found words to be."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks.serving import words
from benchmarks.serving.bench import Bench, measured
from benchmarks.serving.loads import Seen
from benchmarks.serving.models import relabelled
from benchmarks.serving.plan import Plan
from benchmarks.serving.program import HOST
from benchmarks.serving.statistics import ratio
from benchmarks.serving.table import Row

MODEL = "classification-224-float32"
COUNTS, QUICK_COUNTS = (1, 50, 1000), (1, 10, 30)
CALLERS = 8
EXPONENT = 1.1
_PART = "zipf"
_REQUESTS = 50_000
_WRITERS = 4


def measure(bench: Bench) -> Iterator[Row]:
    """Copies of one model, each in bytes of its own, so that each is fetched, checked and held by itself."""
    paths: list[str] = []
    one: Seen | None = None
    for count in QUICK_COUNTS if bench.extent.quick else COUNTS:
        paths += _publish(bench, len(paths), count)
        seen = _load(bench, paths)
        one = one or seen
        what = f"{bench.models[MODEL].title}, {CALLERS} callers, {count:,} published model{'s' if count > 1 else ''}"
        told = words.seen(seen) + (f", {seen.refused} refused" if seen.refused else "")
        yield Row(_PART, what, told, f"1 model: {words.rate(one.per_second)}", ratio(seen.per_second, one.per_second))


def _publish(bench: Bench, first: int, last: int) -> list[str]:
    model, shared = bench.models[MODEL], bench.platform()
    content, card = model.path.read_bytes(), model.card()

    def publish(number: int) -> str:
        return shared.publish(f"zipf-{number}", relabelled(content, number), card)

    with ThreadPoolExecutor(_WRITERS) as threads:
        return list(threads.map(publish, range(first, last)))


def popular(count: int, requests: int) -> list[int]:
    """Which model each request is for: the n-th is asked for as often as 1 / n ** EXPONENT says."""
    weights = [1 / (rank + 1) ** EXPONENT for rank in range(count)]
    return random.Random(0).choices(range(count), weights, k=requests)


def _load(bench: Bench, paths: list[str]) -> Seen:
    """After a warm-up in which the popular models come into memory."""
    shared, images = bench.platform(), [str(image) for image in bench.images]
    items = [(path, number % len(images)) for number, path in enumerate(popular(len(paths), _REQUESTS))]
    plan = Plan(HOST, shared.port, paths, images, items, shared.tokens, CALLERS)
    warm_up = bench.extent.of(20, 3) if len(paths) > 1 else bench.extent.of(5, 3)
    return measured(plan, warm_up, bench.extent.of(20, 4))
