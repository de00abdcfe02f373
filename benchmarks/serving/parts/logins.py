"""Logins cost a quarter of a second of a core each, on purpose. What do two hundred at once do to a lone caller?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from benchmarks.serving import words
from benchmarks.serving.bench import Bench
from benchmarks.serving.load import OK, REFUSED
from benchmarks.serving.loads import Load, between, run
from benchmarks.serving.plan import Plan
from benchmarks.serving.platform import credentials
from benchmarks.serving.program import HOST
from benchmarks.serving.statistics import ratio
from benchmarks.serving.table import Row, Target

LOGINS = 200
_PART = "logins"
_MODELS = ("detection-320-float32", "classification-224-float32")
_MOST = 2.0
_MOST_SECONDS = 300.0
_WARM_UP_SECONDS = 1.0


def measure(bench: Bench) -> Iterator[Row]:
    """A slow model and a fast one."""
    for name in _MODELS[-1:] if bench.extent.quick else _MODELS:
        yield from _beside(bench, name)


def _beside(bench: Bench, name: str) -> Iterator[Row]:
    model = bench.models[name]
    bench.warm(model)
    seconds = bench.extent.of(20, 5)
    before = between(run(bench.plan(model, callers=1, seconds=seconds)), _WARM_UP_SECONDS, seconds)
    predicting = Load(bench.plan(model, callers=1, seconds=_MOST_SECONDS, drain_seconds=_MOST_SECONDS))
    logins = run(_logins(bench))
    outcome = predicting.stop()
    first = logins.started - outcome.started
    # What was begun during the logins counts however long it took: of what ended meanwhile the slowest are missing.
    beside = between(outcome, first, first + logins.wall_seconds, begun_then=True)
    share = ratio(beside.p95_ms, before.p95_ms)
    what = f"{model.title}, 1 caller, p95 beside {LOGINS} parallel logins"
    missing = beside.refused + beside.failed
    target = Target(f"<= {_MOST:.0f}", math.nan if missing else share, at_most=_MOST)
    alone = f"without them: {words.ms(before.p95_ms)} of {before.answered}"
    lost = f", {missing} without a prediction" if missing else ""
    yield Row(_PART, what, f"{words.ms(beside.p95_ms)} of {beside.answered}{lost}", alone, share, target)
    done, later = logins.status.count(OK), sum(logins.status.count(status) for status in REFUSED)
    told = f"{done} of {LOGINS} in {logins.wall_seconds:.1f} s, {later} told when to come back"
    # There are places for a few dozen hashes, so not all of a crowd get in at once; but each gets an answer.
    unanswered = LOGINS - done - later
    yield Row(_PART, "logins that succeeded meanwhile", told, target=Target("each answered", unanswered, at_most=0))


def _logins(bench: Bench) -> Plan:
    """Each user logs in a few times, since too many attempts under one name are refused."""
    shared = bench.platform()
    bodies = []
    for name in shared.users:
        path = bench.folder / f"login-{name}.json"
        path.write_bytes(credentials(name))
        bodies.append(str(path))
    items = [(0, number) for number in range(len(bodies))]
    return Plan(
        HOST,
        shared.port,
        ["/auth"],
        bodies,
        items,
        callers=LOGINS,
        count=LOGINS,
        seconds=_MOST_SECONDS,
        content_type="application/json",
    )
