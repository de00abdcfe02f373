"""The backend and the reference on the same rows: how right, how quick, how large. See `benchmarks.moodle`."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from sklearn.metrics import accuracy_score, f1_score

from benchmarks.moodle_data import Made, flowers, plane, wide
from benchmarks.moodle_servers import Ours, Reference, Server

HELD_BACK = 1570
_PREDICTIONS = 10
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Case:
    """Files that come one after the other, and rows held back, for a seed."""

    name: str
    files: Callable[[int], list[Made]]
    held: Callable[[int], Made]
    seeds: int = 1


@dataclass
class Seen:
    """Figures of one server for one case; a value a seed, of times a value a call."""

    accuracy: list[float] = field(default_factory=list)
    f1: list[float] = field(default_factory=list)
    train_seconds: list[float] = field(default_factory=list)
    ten_rows_seconds: list[float] = field(default_factory=list)


CASES = {
    "plane": Case("10 rows x 2", lambda s: [plane(10, s, 1)], lambda s: plane(HELD_BACK, s, 2), 5),
    "flowers": Case("150 rows x 4, 3 classes", lambda s: [flowers(150, s, 1)], lambda s: flowers(HELD_BACK, s, 2)),
    "middle": Case(
        "1,904 rows x 365", lambda s: [wide(1904, 365, s, 1)], lambda s: wide(HELD_BACK, 365, s, 2, repeated=False)
    ),
    "large": Case(
        "14,139 rows x 422", lambda s: [wide(14_139, 422, s, 1)], lambda s: wide(HELD_BACK, 422, s, 2, repeated=False)
    ),
    "twice": Case(
        "318, then 9,238 rows x 365",
        lambda s: [wide(318, 365, s, 1), wide(9238, 365, s, 3)],
        lambda s: wide(HELD_BACK, 365, s, 2, repeated=False),
    ),
}


def beside(python: str, names: list[str], seeds: int) -> None:
    """Ask both, print figures and ratios.

    Args:
        python: of the environment that has the reference.
        names: of cases.
        seeds: how many rules, times the case's own number.
    """
    ours = Ours(_free_port())
    reference = Reference(python)
    try:
        for name in names:
            _case(CASES[name], [ours, reference], seeds)
        time.sleep(1.0)  # what a training leaves behind ends a moment after its answer
        for server in (ours, reference):
            now, peak = server.memory.now_bytes(), server.memory.peak_bytes
            print(f"{server.name:10} memory now {now / _MEBIBYTE:,.0f} MiB, peak {peak / _MEBIBYTE:,.0f} MiB")
    finally:
        ours.close()
        reference.close()


def _case(case: Case, servers: list[Server], seeds: int) -> None:
    print(f"{case.name}; {HELD_BACK:,} rows held back, seeds: {case.seeds * seeds}")
    seen = {server.name: Seen() for server in servers}
    for seed in range(case.seeds * seeds):
        files, held = case.files(seed), case.held(seed)
        for server in servers:
            _ask(server, f"{case.name.split()[0].strip(',')}-{seed}", files, held, seen[server.name])
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


def _told(seen: Seen) -> str:
    ten = sorted(seen.ten_rows_seconds)
    return (
        f"accuracy {np.mean(seen.accuracy):.4f} ({min(seen.accuracy):.3f} to {max(seen.accuracy):.3f})  "
        f"F1 {np.mean(seen.f1):.4f}  training {statistics.median(seen.train_seconds):6.2f} s  "
        f"ten rows {1000 * statistics.median(ten):6.1f} ms, p95 {1000 * ten[int(0.95 * len(ten))]:6.1f} ms"
    )


def _gain(ours: list[float], theirs: list[float]) -> float:
    return float(np.mean(ours) - np.mean(theirs))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
