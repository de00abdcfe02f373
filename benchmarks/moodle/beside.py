"""The backend and the reference on the same rows: how right, how quick, how large. See `benchmarks.moodle`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

import numpy as np
from sklearn.metrics import accuracy_score, f1_score

from benchmarks.moodle.made import Made, flowers, plane, wide
from benchmarks.moodle.real import digits, tumours
from benchmarks.moodle.reference import Reference
from benchmarks.moodle.servers import Ours, Server
from benchmarks.serving.memory_of import MEBIBYTE, Peak, usage

HELD_BACK = 1570
_PREDICTIONS, _ROUNDS = 10, 3


@dataclass(frozen=True)
class Case:
    """Files that come one after the other, and rows held back; both of a seed."""

    name: str
    made: Callable[[int], tuple[list[Made], Made]]


@dataclass
class Seen:
    """Figures of one server for one case; a value a seed, of ten rows a value a call."""

    accuracy: list[float] = field(default_factory=list)
    f1: list[float] = field(default_factory=list)
    train_seconds: list[float] = field(default_factory=list)
    ten_rows_seconds: list[float] = field(default_factory=list)


def _wide(columns: int, *rows: int) -> Callable[[int], tuple[list[Made], Made]]:
    def made(seed: int) -> tuple[list[Made], Made]:
        files = [wide(count, columns, seed, 1 + 2 * place) for place, count in enumerate(rows)]
        return files, wide(HELD_BACK, columns, seed, 2, repeated=False)

    return made


def _one(files: tuple[Made, Made]) -> tuple[list[Made], Made]:
    return [files[0]], files[1]


CASES = {
    "plane": Case("10 rows x 2", lambda s: ([plane(10, s, 1)], plane(HELD_BACK, s, 2))),
    "flowers": Case("150 rows x 4, 3 classes", lambda s: ([flowers(150, s, 1)], flowers(HELD_BACK, s, 2))),
    "tumours": Case("280 real rows x 365", lambda s: _one(tumours(s))),
    "digits": Case("900 real rows x 365", lambda s: _one(digits(s))),
    "middle": Case("1,904 rows x 365", _wide(365, 1904)),
    "large": Case("14,139 rows x 422", _wide(422, 14_139)),
    "twice": Case("318, then 9,238 rows x 365", _wide(365, 318, 9238)),
}
EVALUATION = "evaluate"
QUESTIONS = (*CASES, EVALUATION)


def beside(python: str, names: Iterable[str], seeds: range) -> None:
    """Ask both, print figures and ratios.

    Args:
        python: of the environment that has the reference.
        names: of cases, or `EVALUATION`.
        seeds: of the rules.
    """
    with ExitStack() as stack:
        servers: list[Server] = [stack.enter_context(closing(Ours())), stack.enter_context(closing(Reference(python)))]
        peaks = [stack.enter_context(Peak(server.pid).watched()) for server in servers]
        for name in names:
            if name == EVALUATION:
                _evaluations(servers, seeds)
            else:
                _case(CASES[name], servers, seeds)
        for server, peak in zip(servers, peaks, strict=True):
            print(f"{server.name:10} memory peak {peak.highest_bytes / MEBIBYTE:,.0f} MiB{_torch(server)}")


def _torch(server: Server) -> str:
    return ", torch is loaded" if any(process.torch for process in usage(server.pid)) else ""


def _case(case: Case, servers: list[Server], seeds: range) -> None:
    print(f"{case.name}; seeds {seeds[0]} to {seeds[-1]}")
    seen = {server.name: Seen() for server in servers}
    for seed in seeds:
        files, held = case.made(seed)
        for server in servers:
            _ask(server, f"{case.name.split()[0].strip(',')}-{seed}", files, held, seen[server.name])
            last = seen[server.name]
            print(f"  {seed:>4} {server.name:10} accuracy {last.accuracy[-1]:.4f}  F1 {last.f1[-1]:.4f}", flush=True)
    for name, each in seen.items():
        print(f"  {name:10} {_told(each)}", flush=True)
    ours, theirs = seen["DIYML"], seen["reference"]
    print(
        f"  accuracy {100 * _gain(ours.accuracy, theirs.accuracy):+.1f} points, F1 "
        f"{100 * _gain(ours.f1, theirs.f1):+.1f} points, training "
        f"{statistics.median(theirs.train_seconds) / statistics.median(ours.train_seconds):.1f} times, ten rows "
        f"{statistics.median(theirs.ten_rows_seconds) / statistics.median(ours.ten_rows_seconds):.1f} times as fast",
        flush=True,
    )


def _ask(server: Server, model: str, files: list[Made], held: Made, seen: Seen) -> None:
    contents, rows, ten = [file.labelled() for file in files], held.samples(), held.samples(10)
    began = time.perf_counter()
    for content in contents:
        server.train(model, content)
    seen.train_seconds.append(time.perf_counter() - began)
    said = np.array([int(float(label)) for label in server.predict(model, rows)])
    seen.accuracy.append(float(accuracy_score(held.target, said)))
    seen.f1.append(float(f1_score(held.target, said, average="weighted")))
    for _ in range(_PREDICTIONS):
        began = time.perf_counter()
        server.predict(model, ten)
        seen.ten_rows_seconds.append(time.perf_counter() - began)


def _evaluations(servers: list[Server], seeds: range) -> None:
    print(f"evaluation of 14,139 rows x 422, {_ROUNDS} rounds; seeds {seeds[0]} to {seeds[-1]}")
    for seed in seeds:
        content = wide(14_139, 422, seed, 1).labelled()
        for server in servers:
            began = time.perf_counter()
            answer = server.evaluate(f"evaluation-{seed}", content, _ROUNDS)
            print(
                f"  {server.name:10} {time.perf_counter() - began:7.1f} s  accuracy {answer['accuracy']:.4f}  balanced "
                f"{answer['balanced accuracy']:.4f}  F1 {answer['f1_score']:.4f} +- {answer['score_deviation']:.4f}",
                flush=True,
            )


def _told(seen: Seen) -> str:
    ten = sorted(seen.ten_rows_seconds)
    return (
        f"accuracy {np.mean(seen.accuracy):.4f} ({min(seen.accuracy):.3f} to {max(seen.accuracy):.3f})  "
        f"F1 {np.mean(seen.f1):.4f} ({min(seen.f1):.3f} to {max(seen.f1):.3f})  "
        f"training {statistics.median(seen.train_seconds):6.2f} s  "
        f"ten rows {1000 * statistics.median(ten):6.1f} ms, p95 {1000 * ten[int(0.95 * len(ten))]:6.1f} ms"
    )


def _gain(ours: list[float], theirs: list[float]) -> float:
    return float(np.mean(ours) - np.mean(theirs))
