"""Ten times what the platform can do, whatever it answers: what still gets done, what it costs, when it is over."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from benchmarks.serving import words
from benchmarks.serving.bench import Bench, measured
from benchmarks.serving.load import OK
from benchmarks.serving.loads import Load, between, run
from benchmarks.serving.memory_of import family
from benchmarks.serving.plan import Outcome
from benchmarks.serving.statistics import median, percentile, ratio
from benchmarks.serving.table import Row, Target

MODEL = "detection-320-float32"
TIMES = 10
_PART = "overload"
_LEAST_GOODPUT = 0.9
_MOST_RECOVERY_SECONDS = 10.0
_NORMAL = 1.5
_WINDOW = 5
_MOST_REFUSAL_MS = 200.0


def measure(bench: Bench) -> Iterator[Row]:
    """One model, one minute."""
    model, extent = bench.models[MODEL], bench.extent
    bench.warm(model)
    pid = bench.platform().pid
    before = {process.pid for process in family(pid)}
    alone = run(bench.plan(model, callers=1, count=30, seconds=30))
    idle = median([seconds for seconds, status in zip(alone.seconds, alone.status, strict=True) if status == OK])
    rounds = [measured(bench.plan(model, callers=8), 1, extent.of(5, 2)).per_second for _ in range(3)]
    capacity = median(rounds)
    seconds = extent.of(60, 10)
    load = Load(bench.plan(model, rate=TIMES * capacity, seconds=seconds))
    time.sleep(seconds)  # The end of the load is the beginning of the recovery, and comes by the clock.
    ended = time.perf_counter()
    after = run(bench.plan(model, callers=1, seconds=extent.of(20, 12)))
    outcome = load.result()
    yield from _rows(model.title, outcome, capacity, seconds)
    yield _recovered(after, ended, idle)
    survivors = before & {process.pid for process in family(pid)}
    lost = len(before) - len(survivors)
    target = Target("none", lost, at_most=0)
    yield Row(_PART, "processes of the platform that ended", f"{lost} of {len(before)}", target=target)


def _rows(title: str, outcome: Outcome, capacity: float, seconds: float) -> Iterator[Row]:
    seen = between(outcome, 0, seconds)
    offered = len(outcome.late_seconds) + outcome.unsent
    share = ratio(seen.per_second, capacity)
    target = Target(f">= {_LEAST_GOODPUT}", share, at_least=_LEAST_GOODPUT)
    ours = f"{words.rate(seen.per_second)} answered, {words.rate(offered / seconds)} offered for {seconds:.0f} s"
    baseline = f"capacity, 8 callers: {words.rate(capacity)}"
    yield Row(_PART, f"{title}, {TIMES} x capacity", ours, baseline, share, target)
    limit = Target(f"<= {_MOST_REFUSAL_MS:.0f} ms", seen.refused_p95_ms, at_most=_MOST_REFUSAL_MS)
    told = f"{seen.refused:,}, p95 {words.ms(seen.refused_p95_ms)}"
    yield Row(_PART, "answers 429 and 503", told, target=limit)
    yield Row(_PART, "p95 of those answered while it lasted", words.ms(seen.p95_ms))
    nothing = Target("none", seen.failed, at_most=0)
    yield Row(_PART, "broken connections and other statuses", f"{seen.failed:,}", target=nothing)
    late, share = percentile(outcome.late_seconds, 0.95) * 1000, seen.generator_share
    told = f"{outcome.unsent:,} of {offered:,} not sent, p95 {words.ms(late)} late, {share:.0%} of a core"
    yield Row(_PART, "the load generator itself", told)


def _recovered(after: Outcome, ended: float, idle: float) -> Row:
    took = recovery_seconds(after, ended, idle)
    told = "not within the time looked at" if math.isnan(took) else f"{took:.1f} s"
    target = Target(f"<= {_MOST_RECOVERY_SECONDS:.0f} s", took, at_most=_MOST_RECOVERY_SECONDS)
    baseline = f"median of a lone caller before: {words.ms(idle * 1000)}"
    return Row(_PART, f"until a lone caller waits at most {_NORMAL} x as long again", told, baseline, target=target)


def recovery_seconds(after: Outcome, ended: float, idle: float) -> float:
    """Seconds until five answers in a row had come to a lone caller whose median is about that of before.

    Args:
        ended: when the load ended, by `time.perf_counter()`.
        idle: median seconds of an answer before the load.

    Returns:
        NaN when that did not happen.
    """
    for last in range(_WINDOW, len(after.seconds) + 1):
        window = range(last - _WINDOW, last)
        fine = all(after.status[index] == OK for index in window)
        if fine and median([after.seconds[index] for index in window]) <= _NORMAL * idle:
            return after.started + after.begun[last - 1] + after.seconds[last - 1] - ended
    return math.nan
