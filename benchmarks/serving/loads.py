"""Starts load generators, and reads what they saw."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.serving.load import OK, REFUSED, STARTED
from benchmarks.serving.plan import Outcome, Plan
from benchmarks.serving.statistics import percentile

ROOT = Path(__file__).resolve().parent.parent.parent


class Load:
    """A generator at work; it has started when this is made."""

    def __init__(self, plan: Plan):
        command = [sys.executable, "-m", "benchmarks.serving.load"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asdict(plan)).encode())
        self._process.stdin.close()
        self._process.stdin = None
        if self._process.stdout.read(len(STARTED)) != STARTED:
            raise RuntimeError(f"the load generator did not start: exit status {self._process.wait()}")

    def stop(self) -> Outcome:
        """Have it begin nothing more, and wait for its end."""
        self._process.terminate()
        return self.result()

    def result(self) -> Outcome:
        """Wait for its end."""
        told, _ = self._process.communicate()
        if self._process.returncode != 0:
            raise RuntimeError(f"the load generator failed: exit status {self._process.returncode}")
        return Outcome(**json.loads(told))


def run(plan: Plan) -> Outcome:
    """Run a plan to its end."""
    return Load(plan).result()


@dataclass(frozen=True)
class Seen:
    """What came between two moments of an outcome.

    Attributes:
        per_second: answers with status 200 a second.
        p50_ms: of those, `p95_ms` likewise; NaN when there are none.
        refused: answers 429 and 503; `refused_p95_ms` how long they took.
        failed: everything else, and requests without an answer.
        generator_share: of one core, taken by the generator itself.
    """

    answered: int
    per_second: float
    p50_ms: float
    p95_ms: float
    refused: int
    refused_p95_ms: float
    failed: int
    generator_share: float


def between(outcome: Outcome, first: float, last: float, begun_then: bool = False) -> Seen:
    """Look at what ended in the seconds from `first` to `last` after the start; before that was the warm-up.

    Args:
        begun_then: look at what was begun then, whenever it ended.
    """
    ended = [
        (status, seconds * 1000)
        for begun, seconds, status in zip(outcome.begun, outcome.seconds, outcome.status, strict=True)
        if first <= (begun if begun_then else begun + seconds) <= last
    ]
    answered = [ms for status, ms in ended if status == OK]
    refused = [ms for status, ms in ended if status in REFUSED]
    return Seen(
        answered=len(answered),
        per_second=len(answered) / (last - first),
        p50_ms=percentile(answered, 0.5),
        p95_ms=percentile(answered, 0.95),
        refused=len(refused),
        refused_p95_ms=percentile(refused, 0.95),
        failed=len(ended) - len(answered) - len(refused),
        generator_share=outcome.cpu_seconds / outcome.wall_seconds if outcome.wall_seconds else 0.0,
    )
