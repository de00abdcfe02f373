"""1, 8 and 64 callers on each model, beside the bare session, a plain Flask view and LitServe, round by round."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from benchmarks.serving import words
from benchmarks.serving.bench import Bench, alone, measured
from benchmarks.serving.load import OK
from benchmarks.serving.loads import Seen
from benchmarks.serving.models import ServedModel
from benchmarks.serving.plan import Plan
from benchmarks.serving.program import Process, post
from benchmarks.serving.statistics import median, ratio
from benchmarks.serving.table import Row, Target

CALLERS = (1, 8, 64)
_QUICK = ("detection-320-float32", "classification-224-int8")
_LEAST_OF_BARE = {8: 0.90, 64: 0.85}
_MOST_OVER_DECODED_MS = 5.0
_MOST_OVER_IDEAL = 2.5
_MOST_REFUSAL_MS = 200.0
_PART = "throughput"
_BORDERLINE = 0.2
OURS, FLASK, LITSERVE = "DIYML", "Flask", "LitServe"


@dataclass
class Rounds:
    """What the rounds gave for one model."""

    bare: list[dict[str, Any]] = field(default_factory=list)
    seen: dict[tuple[str, int], list[Seen]] = field(default_factory=lambda: defaultdict(list))

    def bare_median(self, name: str) -> float:
        """Of a figure of the bare session."""
        return median([each[name] for each in self.bare])

    def of(self, server: str, callers: int) -> Seen:
        """The medians of one server's rounds, field by field."""
        rounds = self.seen[server, callers]
        names = [item.name for item in dataclasses.fields(Seen)]
        medians: dict[str, Any] = {name: median([getattr(each, name) for each in rounds]) for name in names}
        return Seen(**medians)


def measure(bench: Bench) -> Iterator[Row]:
    """The models that were asked for; or else all, and two of them for a quick look."""
    names = bench.only or (_QUICK if bench.extent.quick else tuple(bench.models))
    with bench.flask().running() as flask:
        flask.pause()
        for name in names:
            model = bench.models[name]
            rounds, chosen = _rounds(bench, model, flask)
            for callers in CALLERS:
                yield from _rows(model, rounds, callers, chosen[callers])


def _rounds(bench: Bench, model: ServedModel, flask: Process) -> tuple[Rounds, dict[int, str]]:
    """Measure everybody in turn, over and over; also, for each number of callers, how LitServe was set."""
    rounds, extent = Rounds(), bench.extent
    bench.warm(model)
    with ExitStack() as stack:
        settings = [(1, False), (len(os.sched_getaffinity(0)), False), (len(os.sched_getaffinity(0)), True)]
        programs = [bench.litserve(model, *setting) for setting in dict.fromkeys(settings)]
        lits = [stack.enter_context(program.started()) for program in programs]
        for lit in lits:
            lit.wait_until_ready()
        everybody = [flask, *lits]
        _check_answers(bench, model, everybody)
        with alone(everybody, None):
            fastest = bench.bare(model, extent.of(1, 0.5))["best_per_second"]
        # Two numbers of callers are enough to choose by: more than a few only lengthen the line.
        chosen = {callers: _fastest(lits, bench, callers, fastest, everybody) for callers in CALLERS[:2]}
        best = {callers: chosen.get(callers, chosen[CALLERS[1]]) for callers in CALLERS}
        for _ in range(extent.count(3, 1)):
            with alone(everybody, None):
                rounds.bare.append(bench.bare(model, extent.of(1.5, 0.5)))
            for callers in CALLERS:
                with alone(everybody, None):
                    seen = _load(bench, bench.plan(model, callers=callers), fastest)
                rounds.seen[OURS, callers].append(seen)
                seen = _on(flask, bench, f"/{model.name}", callers, fastest, everybody)
                rounds.seen[FLASK, callers].append(seen)
                seen = _on(best[callers], bench, "/predict", callers, fastest, everybody)
                rounds.seen[LITSERVE, callers].append(seen)
    return rounds, {callers: lit.program.name for callers, lit in best.items()}


def _check_answers(bench: Bench, model: ServedModel, baselines: list[Process]) -> None:
    """See that all servers do the same work: they find the same in the images.

    A session with other threads adds in another order, so a box may be just below the threshold in one of them.
    """
    shared = bench.platform()
    for process in baselines:
        path, different = f"/{model.name}" if process is baselines[0] else "/predict", 0
        with alone(baselines, process):
            for image in bench.images:
                content = image.read_bytes()
                ours = json.loads(post(shared.port, bench.path(model), content, token=shared.tokens[0])[1])
                status, theirs = post(process.program.port, path, content)
                if status != OK:
                    raise RuntimeError(f"{process.program.name}: {status} {theirs[:200]!r}")
                different += _classes(ours["results"][0]) != _classes(json.loads(theirs))
        if different > len(bench.images) * _BORDERLINE:
            count = f"{different} of {len(bench.images)} images"
            raise RuntimeError(f"{process.program.name} and DIYML find something else in {count} with {model.title}")


def _classes(result: dict[str, Any]) -> list[str]:
    return sorted(found["class"] for found in result["predictions"])


def _fastest(lits: list[Process], bench: Bench, callers: int, fastest: float, everybody: list[Process]) -> Process:
    return max(lits, key=lambda lit: _on(lit, bench, "/predict", callers, fastest, everybody).per_second)


def _on(process: Process, bench: Bench, path: str, callers: int, fastest: float, everybody: list[Process]) -> Seen:
    with alone(everybody, process):
        return _load(bench, bench.plan_for(process.program.port, path, callers=callers), fastest)


def _load(bench: Bench, plan: Plan, fastest: float) -> Seen:
    """Long enough that every caller has more than one answer, even where all stand in one line."""
    one_each = plan.callers / fastest
    warm_up = max(bench.extent.of(1, 0.5), 1.2 * one_each)
    return measured(plan, warm_up, max(bench.extent.of(3, 1), one_each))


def _rows(model: ServedModel, rounds: Rounds, callers: int, litserve: str) -> Iterator[Row]:
    ours, what = rounds.of(OURS, callers), f"{model.title}, {words.callers(callers)}"
    shown = words.seen(ours)
    bare = rounds.bare_median("one_per_second" if callers == 1 else "best_per_second")
    setting = rounds.bare[-1]["one" if callers == 1 else "best"]
    share, least = ratio(ours.per_second, bare), _LEAST_OF_BARE.get(callers)
    target = Target(f">= {least:.2f}", share, at_least=least) if least else None
    yield Row(_PART, what, shown, f"bare session ({setting}): {words.rate(bare)}", share, target)
    if callers > 1:
        decoded = rounds.bare_median("decoded_per_second")
        baseline = f"decode + session, as many as cores: {words.rate(decoded)}"
        yield Row(_PART, what, shown, baseline, ratio(ours.per_second, decoded))
    for server, name in ((FLASK, "Flask, 2 workers"), (LITSERVE, litserve)):
        theirs = rounds.of(server, callers)
        yield Row(_PART, what, shown, f"{name}: {words.seen(theirs)}", ratio(ours.per_second, theirs.per_second))
    if callers == 1:
        yield _over_decoded(what, ours, rounds)
    if callers == CALLERS[-1]:
        yield from _crowd(what, ours, rounds, bare, callers)


def _over_decoded(what: str, ours: Seen, rounds: Rounds) -> Row:
    decoded = rounds.bare_median("decoded_ms")
    over = ours.p50_ms - decoded
    target = Target(f"<= {_MOST_OVER_DECODED_MS:.0f} ms more", over, at_most=_MOST_OVER_DECODED_MS)
    baseline = f"decode + session: {words.ms(decoded)}; ours takes {over:+.1f} ms"
    return Row(_PART, f"{what}: median time", words.ms(ours.p50_ms), baseline, ratio(ours.p50_ms, decoded), target)


def _crowd(what: str, ours: Seen, rounds: Rounds, bare: float, callers: int) -> Iterator[Row]:
    ideal = callers / bare * 1000
    share = ratio(ours.p95_ms, ideal)
    target = Target(f"<= {_MOST_OVER_IDEAL}", share, at_most=_MOST_OVER_IDEAL)
    baseline = f"ideal queueing time: {words.ms(ideal)}"
    yield Row(_PART, f"{what}: p95 of those admitted", words.ms(ours.p95_ms), baseline, share, target)
    refused = sum(each.refused for each in rounds.seen[OURS, callers])
    answered = sum(each.answered for each in rounds.seen[OURS, callers])
    part = refused / max(refused + answered, 1)
    told = f"{part:.1%} of answers, p95 {words.ms(ours.refused_p95_ms)}"
    limit = Target(f"<= {_MOST_REFUSAL_MS:.0f} ms", ours.refused_p95_ms, at_most=_MOST_REFUSAL_MS)
    yield Row(_PART, f"{what}: 429 and 503", told, target=limit if refused else None)
    told = f"{ours.generator_share:.0%} of a core"
    yield Row(_PART, f"{what}: the load generator itself", told)
