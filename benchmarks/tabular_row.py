"""What does one row cost over HTTP, beside the bare session of the same model on the same row?

    python -m benchmarks.tabular_row [--rows 500] [--rounds 3]

A linear model of scikit-learn's breast cancer data (30 columns) is trained and published on a platform of its own. One
caller sends one row at a time over a connection that stays open; the bare session gets arrays that are ready. The first
fifty of each are not counted.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serving.platform import Platform, running
from benchmarks.tabular import DATA, Silent, held_back, write
from inference.sessions import open_session
from inference.tabular.predictor import TabularPredictor
from training.protocol import TrainedModel, Workspace
from training.tabular.trainer import TabularParams, TabularTrainer

_UNCOUNTED = 50
_NAME = "cancer"


def train(folder: Path) -> tuple[TrainedModel, list[dict[str, float]]]:
    """A model, and rows that it can be asked about."""
    load, classes = DATA[_NAME]
    rows, targets = load()
    dataset = write(folder, rows, targets, classes, held_back(targets, classes, 0))
    workspace = Workspace(folder / "work", folder / "none", download_weights=False, yolo_model="")
    workspace.folder.mkdir()
    model = TabularTrainer().fit(dataset, TabularParams(algorithm="linear"), workspace, Silent())
    return model, [{f"column {n}": float(cell) for n, cell in enumerate(row)} for row in rows]


def timed(call: Callable[[dict[str, float]], object], rows: list[dict[str, float]], count: int) -> np.ndarray:
    """Milliseconds of each call."""
    taken = []
    for number in range(_UNCOUNTED + count):
        row = rows[number % len(rows)]
        started = time.perf_counter()
        call(row)
        taken.append((time.perf_counter() - started) * 1000)
    return np.array(taken[_UNCOUNTED:])


def over_http(target: Platform, path: str) -> Callable[[dict[str, float]], object]:
    """A call of one user."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port)
    headers = {"Authorization": f"Bearer {target.tokens[0]}", "Content-Type": "application/json"}

    def call(row: dict[str, float]) -> Any:
        connection.request("POST", path, json.dumps({"rows": [row]}), headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {content[:200]!r}")
        return json.loads(content)["predictions"]

    return call


def bare(model: TrainedModel, rows: list[dict[str, float]]) -> Callable[[dict[str, float]], object]:
    """The session on arrays that were made before."""
    session = open_session(model.onnx_path, threads=1)
    predictor = TabularPredictor(session, model.card)
    inputs = predictor.read_rows([rows[0]]).inputs
    return lambda row: predictor.forward(inputs)


def main() -> None:
    """Measure in turns, and print both with their ratio and difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="diyml-row-") as place:
        model, rows = train(Path(place))
        with running(Path(place) / "platform", users=1) as target:
            path = target.publish(_NAME, model.onnx_path.read_bytes(), model.card)
            calls = over_http(target, path), bare(model, rows)
            rounds = [[timed(call, rows, arguments.rows) for call in calls] for _ in range(arguments.rounds)]
    http_ms, bare_ms = (np.concatenate(each) for each in zip(*rounds, strict=True))
    for name, taken in (("over HTTP", http_ms), ("bare session", bare_ms)):
        print(f"{name:13} median {np.median(taken):6.2f} ms   95th percentile {np.quantile(taken, 0.95):6.2f} ms")
    middle = np.median(http_ms), np.median(bare_ms)
    print(f"ratio {middle[0] / middle[1]:.1f}, difference {middle[0] - middle[1]:.2f} ms")


if __name__ == "__main__":
    main()
