"""How good is `auto` for anomalies? Beside scikit-learn's IsolationForest with its defaults, on the same rows.

    python -m benchmarks.anomaly [--series 8] [--first 0] [--detectors auto pca ...] [--sets "plant 8" "rig calm" ...]

Each series is learned from its first 400 rows, which are normal, with the defaults of the trainer; the rest is judged.
F1 and the rate of false alarms are of single rows: `micro` of all rows of a set together, `mean` of its series.
`plant` is the Tennessee Eastman process, `--series` times each of its faults by all sensors and by eight; `rig` and
`loop` are made, `--series` of each world.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.anomaly.made import HEAD_ROWS, KINDS, WORLDS, Labelled, make
from benchmarks.anomaly.process import FAULTS, plant
from inference.anomaly.following import Memory, follow
from training.anomaly.data import Stretch
from training.anomaly.detectors.protocol import Fitting
from training.anomaly.detectors.registry import AUTO, DETECTORS
from training.anomaly.learning import learn
from training.anomaly.metrics import by_rows
from training.anomaly.trainer import AnomalyParams

Judging = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From the head and the rest of a series to an alarm for each row of the rest."""
BASELINE = "IsolationForest()"


def _plant(sensors: int) -> Callable[[int, int], list[Labelled]]:
    return lambda count, first: [plant(sensors, fault, first + n) for n in range(count) for fault in FAULTS]


def _made(kind: str, world: str) -> Callable[[int, int], list[Labelled]]:
    return lambda count, first: [make(kind, WORLDS[world], first + number) for number in range(count)]


SETS = {
    **{f"plant {sensors}": _plant(sensors) for sensors in (52, 8)},
    **{f"{kind} {world}": _made(kind, world) for kind in KINDS for world in WORLDS},
}


def baseline(head: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """What `predict` of scikit-learn's defaults says."""
    from sklearn.ensemble import IsolationForest

    return np.asarray(IsolationForest(random_state=0).fit(head).predict(rest) < 0)


def ours(**chosen: object) -> Judging:
    """The trainer with these parameters and else its defaults; scores by the model that is exported."""
    params = AnomalyParams.model_validate(chosen)

    def judge(head: np.ndarray, rest: np.ndarray) -> np.ndarray:
        count = int(params.train_split * len(head))
        parts = np.repeat(np.array([0, 1], dtype=np.uint8), [count, len(head) - count])
        stretch = Stretch("", None, head, head, None, parts)
        learned = learn([stretch], params, Fitting(params.seed, epochs=params.epochs))
        everything = np.concatenate([head, rest])
        windows = np.lib.stride_tricks.sliding_window_view(everything, params.window, axis=0).transpose(0, 2, 1)
        raw = learned.model.score(windows[-len(rest) :])[0]
        return follow(raw, Memory.begin(learned.rules), learned.rules)[0].anomalies

    return judge


def measure(judge: Judging, series: Sequence[Labelled]) -> dict[str, float]:
    """F1 and false alarms, of all rows and as a mean of the series, and seconds a series."""
    started = time.perf_counter()
    alarms = [judge(one.values[:HEAD_ROWS], one.values[HEAD_ROWS:]) for one in series]
    seconds = (time.perf_counter() - started) / len(series)
    labels = [one.labels[HEAD_ROWS:] for one in series]
    micro = by_rows(np.concatenate(labels), np.concatenate(alarms))
    each = [by_rows(*pair) for pair in zip(labels, alarms, strict=True)]
    mean = {name: float(np.mean([one[name] for one in each])) for name in ("f1", "false_alarm_rate")}
    return {
        "f1": micro["f1"],
        "false": micro["false_alarm_rate"],
        "missed": micro["missing_alarm_rate"],
        "mean_f1": mean["f1"],
        "mean_false": mean["false_alarm_rate"],
        "seconds": seconds,
    }


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=8)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--detectors", nargs="+", default=[AUTO, *DETECTORS])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{platform.machine()}, python {platform.python_version()}; {' '.join(sys.argv[1:])}")
    judges = {BASELINE: baseline, **{name: ours(detector=name) for name in given.detectors}}
    print(f"{'':18s} {'':16s} micro F1  false missed   mean F1  false  s/series")
    totals: dict[str, list[dict[str, float]]] = {name: [] for name in judges}
    for chosen in given.sets:
        series = SETS[chosen](given.series, given.first)
        for name, judge in judges.items():
            totals[name].append(measure(judge, series))
            print(_line(chosen, name, totals[name][-1]), flush=True)
    for name, found in totals.items():
        print(_line("all", name, {key: float(np.mean([one[key] for one in found])) for key in found[0]}))


def _line(where: str, name: str, found: dict[str, float]) -> str:
    return (
        f"{where:16s} {name:18s} {found['f1']:8.3f} {found['false']:6.3f} {found['missed']:6.3f} "
        f"{found['mean_f1']:9.3f} {found['mean_false']:6.3f} {found['seconds']:9.2f}"
    )


if __name__ == "__main__":
    main()
