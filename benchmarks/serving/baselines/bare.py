"""The session alone: how many runs a second, on input that is decoded and prepared already.

python -m benchmarks.serving.baselines.bare FOLDER SECONDS IMAGE...
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serving.baselines.answer import MOST_PIXELS, answer_to, predictor_of
from datasets.images import decode
from inference.vision import VisionPredictor
from utils import plural


@dataclass(frozen=True)
class Setting:
    """How a session is run: threads of one run, and callers at once.

    Attributes:
        spin: whether threads that wait keep their cores busy, as is the runtime's own choice: faster, where nothing
            else wants those cores.
    """

    threads: int
    callers: int
    spin: bool

    def __str__(self) -> str:
        spinning = ", spinning" if self.spin else ""
        return f"{plural(self.threads, 'thread')} a run{spinning}, {plural(self.callers, 'caller')}"


def settings(cores: int) -> list[Setting]:
    """All that are worth trying; one thread has nobody to wait for."""
    wide = [Setting(cores, callers, spin) for callers in (1, 2) for spin in (True, False)] if cores > 1 else []
    return [*wide, *(Setting(1, callers, False) for callers in sorted({1, cores}))]


def measure(folder: Path, images: list[Path], seconds: float) -> dict[str, object]:
    """One caller, several callers, and callers who decode as well, each at its best.

    Returns:
        `one_per_second` of a caller alone, and its setting in words, `one`; `best_per_second` and `best` of any number
        of callers; `decoded_ms` (median) of one caller who decodes and chooses too, and `decoded_per_second` of as many
        of them as there are cores, each with one thread, in one process or in one each.
    """
    cores = len(os.sched_getaffinity(0))
    contents = [path.read_bytes() for path in images]
    narrow = predictor_of(folder, 1)
    inputs = [narrow.pre_process(decode(content, MOST_PIXELS)) for content in contents]
    per_second = {}
    for setting in settings(cores):
        predictor = predictor_of(folder, setting.threads, setting.spin)
        per_second[setting] = len(_repeat([_forward(predictor, inputs)] * setting.callers, seconds)) / seconds
    one = max((setting for setting in per_second if setting.callers == 1), key=lambda setting: per_second[setting])
    best = max(per_second, key=lambda setting: per_second[setting])
    whole = _repeat([_decode_too(predictor_of(folder, one.threads, one.spin), contents)], seconds)
    return {
        "one": str(one),
        "one_per_second": per_second[one],
        "best": str(best),
        "best_per_second": per_second[best],
        "decoded_ms": statistics.median(whole) * 1000,
        "decoded_per_second": max(
            len(_repeat([_decode_too(narrow, contents)] * cores, seconds)) / seconds,
            _in_processes(cores, folder, contents, seconds),
        ),
    }


def _in_processes(count: int, folder: Path, contents: list[bytes], seconds: float) -> float:
    """Images a second of callers who decode too, each in a process: threads share one interpreter."""
    context = multiprocessing.get_context("spawn")
    together, told = context.Barrier(count), context.Queue()
    processes = [
        context.Process(target=_be_one_of_them, args=(folder, contents, seconds, together, told)) for _ in range(count)
    ]
    for process in processes:
        process.start()
    total = sum(told.get() for _ in processes)
    for process in processes:
        process.join()
    return total / seconds


def _be_one_of_them(folder: Path, contents: list[bytes], seconds: float, together: Any, told: Any) -> None:
    call = _decode_too(predictor_of(folder, 1), contents)
    call(0)
    together.wait()
    told.put(len(_repeat([call], seconds)))


def _decode_too(predictor: VisionPredictor, contents: list[bytes]) -> Callable[[int], object]:
    return lambda number: answer_to(contents[number % len(contents)], predictor)


def _forward(predictor: VisionPredictor, inputs: list[np.ndarray]) -> Callable[[int], object]:
    return lambda number: predictor.forward(inputs[number % len(inputs)])


def _repeat(callers: list[Callable[[int], object]], seconds: float) -> list[float]:
    """Call in as many threads for so long, after a warm-up of a quarter of that; gives the seconds of each call."""
    ended: list[list[float]] = [[] for _ in callers]
    begin = time.perf_counter() + seconds / 4

    def work(index: int) -> None:
        number = index
        while (started := time.perf_counter()) < begin + seconds:
            callers[index](number)
            number += 1
            if begin <= (now := time.perf_counter()) <= begin + seconds:
                ended[index].append(now - started)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(callers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [took for each in ended for took in each]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("images", type=Path, nargs="+")
    given = parser.parse_args()
    print(json.dumps(measure(given.folder, given.images, given.seconds)))


if __name__ == "__main__":
    main()
