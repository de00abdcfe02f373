"""The session alone: how many runs a second, on input that is decoded and prepared already.

python -m benchmarks.serving.baselines.bare FOLDER SECONDS IMAGE...
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.serving.baselines.answer import MOST_PIXELS, answer_to, predictor_of
from datasets.images import decode
from inference.protocol import Predictor


def measure(folder: Path, images: list[Path], seconds: float) -> dict[str, object]:
    """One caller, the best over all cores, and one caller who decodes as well.

    Returns:
        `one_per_second` and `one_ms` (median) of a caller who has all cores; `best_per_second` of several callers, and
        `best`, the setting in words; `decoded_ms` (median) of a caller who decodes and chooses too, and
        `decoded_per_second` of as many of them as there are cores.
    """
    cores = len(os.sched_getaffinity(0))
    contents = [path.read_bytes() for path in images]
    wide, narrow = predictor_of(folder, cores), predictor_of(folder, 1)
    inputs = [wide.pre_process(decode(content, MOST_PIXELS)) for content in contents]
    runs: dict[tuple[int, int], list[float]] = {}
    for threads, callers, predictor in ((cores, 1, wide), (cores, 2, wide), (1, cores, narrow)):
        runs[threads, callers] = _repeat([_forward(predictor, inputs)] * callers, seconds)
    best = max(runs, key=lambda setting: len(runs[setting]))

    def decoded(number: int) -> object:
        return answer_to(contents[number % len(contents)], wide)

    def decoded_narrow(number: int) -> object:
        return answer_to(contents[number % len(contents)], narrow)

    whole = _repeat([decoded], seconds)
    return {
        "one_per_second": len(runs[cores, 1]) / seconds,
        "one_ms": statistics.median(runs[cores, 1]) * 1000,
        "best_per_second": len(runs[best]) / seconds,
        "best": f"{best[0]} threads a run, {best[1]} callers",
        "decoded_ms": statistics.median(whole) * 1000,
        "decoded_per_second": len(_repeat([decoded_narrow] * cores, seconds)) / seconds,
    }


def _forward(predictor: Predictor, inputs: list[np.ndarray]) -> Callable[[int], object]:
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
