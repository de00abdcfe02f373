"""What does a detection job cost over ultralytics alone? The same files and arguments, each in a process of its own.

    python -m benchmarks.detection_job [FOLDER] [--epochs 3] [--image-size 320] [--model yolo26n] [--recipe]

FOLDER is a data set in the YOLO layout: data.yaml, train/images, train/labels, val/images, val/labels; without
it, hand-written digits on sheets of paper are used. Times are of
whole processes: start, imports, training, and for ours the export, its two checks and the pictures. `--recipe` adds a
run of ultralytics with its own defaults, to show what our choice for small data is worth.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from datasets.images import read_info
from datasets.snapshot import Annotation, Dataset, Sample
from demo import digits
from demo.write import write_yolo_layout
from training.detection.files import write_dataset
from training.detection.run import train_arguments
from training.detection.trainer import DetectionParams, DetectionTrainer
from training.protocol import Workspace

_BARE = """
import json, sys
from ultralytics import YOLO
arguments = json.loads(sys.argv[1])
YOLO(arguments.pop("model")).train(**arguments)
"""


class Silent:
    """A report nobody reads."""

    def log(self, line: str) -> None:
        """Not shown."""

    def progress(self, epoch: float, epochs: int, metrics: dict[str, float] | None = None) -> None:
        """Not shown."""

    def checkpoint(self, path: Path, epoch: int) -> None:
        """Not kept."""

    def resumed(self, epoch: int) -> None:
        """Not shown."""

    def keepable(self) -> None:
        """Nobody stops it."""

    def stopping(self) -> bool:
        """Never."""
        return False


def read_part(folder: Path) -> tuple[Sample, ...]:
    """Images of one part with their labels."""
    samples = []
    for path in sorted((folder / "images").iterdir()):
        info = read_info(path.read_bytes(), 50_000_000)
        label = folder / "labels" / f"{path.stem}.txt"
        rows = [line.split() for line in label.read_text().splitlines()] if label.exists() else []
        boxes = (Annotation(int(c), (float(x), float(y), float(w), float(h))) for c, x, y, w, h in rows)
        samples.append(Sample(path, info.width, info.height, tuple(boxes)))
    return tuple(samples)


def read_folder(folder: Path) -> Dataset:
    """A data set in the YOLO layout."""
    names = yaml.safe_load((folder / "data.yaml").read_text())["names"]
    classes = tuple(names.values() if isinstance(names, dict) else names)
    return Dataset("detection", classes, read_part(folder / "train"), read_part(folder / "val"), "benchmark")


def fit(dataset: Path, options: argparse.Namespace) -> None:
    """Our job; runs in the child process and leaves its scores behind."""
    folder = dataset.parent / "work"
    folder.mkdir()
    workspace = Workspace(folder, folder / "none", download_weights=False, yolo_model=options.model)
    params = DetectionParams(epochs=options.epochs, image_size=options.image_size)
    model = DetectionTrainer().fit(Dataset.read(dataset), params, workspace, Silent())
    (dataset.parent / "score").write_text(str(model.card.metrics["map50_95"]))


@dataclass(frozen=True)
class Cost:
    """Of a whole process: seconds on the wall, and of CPU, which tell more where others work beside it."""

    wall_seconds: float
    cpu_seconds: float

    def line(self, title: str, score: float) -> str:
        """For the table."""
        return f"{title:35} {self.wall_seconds:7.1f} s  {self.cpu_seconds:7.1f} CPU s   map50_95 {score:.3f}"


def timed(command: list[str], folder: Path) -> Cost:
    """Run a process to its end."""
    offline = {"YOLO_OFFLINE": "true", "YOLO_CONFIG_DIR": str(folder / "cfg"), "MPLCONFIGDIR": str(folder / "mpl")}
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command, check=True, env={**os.environ, **offline}, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def run_bare(arguments: dict[str, object], folder: Path) -> tuple[Cost, float]:
    """Cost and map50_95 of `YOLO(...).train(...)`."""
    cost = timed([sys.executable, "-c", _BARE, json.dumps({**arguments, "save_dir": str(folder / "run")})], folder)
    header, *rows = (line.split(",") for line in (folder / "run" / "results.csv").read_text().splitlines())
    column = header.index("metrics/mAP50-95(B)")
    return cost, max(float(row[column]) for row in rows)


def main() -> None:
    """Run both, print both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, nargs="?", help="a YOLO layout; digits on sheets if not given")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--image-size", type=int, default=320)
    parser.add_argument("--model", default="yolo26n")
    parser.add_argument("--recipe", action="store_true")
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        fit(options.job, options)
        return
    with tempfile.TemporaryDirectory() as name:
        compare(options, Path(name))


def compare(options: argparse.Namespace, folder: Path) -> None:
    """Ultralytics first, then ours, so that ours is not the one that warms up the disk's cache."""
    dataset = read_folder(options.folder or write_yolo_layout(digits.detection(), folder / "digits"))
    dataset.write(folder / "dataset.json")
    params = DetectionParams(epochs=options.epochs, image_size=options.image_size)
    data = write_dataset(dataset, folder / "data")
    same = train_arguments(params, data, len(dataset.train), options.image_size, f"{options.model}.yaml")
    runs = {"ultralytics, the same arguments": same}
    if options.recipe:
        kept = ("model", "data", "epochs", "imgsz", "device", "seed", "pretrained")
        runs["ultralytics, its own defaults"] = {key: same[key] for key in kept}
    print(f"python {' '.join(sys.argv)}\n{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    costs = []
    for index, (title, arguments) in enumerate(runs.items()):
        place = folder / f"bare{index}"
        place.mkdir()
        cost, score = run_bare(arguments, place)
        costs.append(cost)
        print(cost.line(title, score), flush=True)
    command = [sys.executable, "-m", "benchmarks.detection_job", *sys.argv[1:], "--job", str(folder / "dataset.json")]
    ours = timed(command, folder)
    print(ours.line("a whole job of ours", float((folder / "score").read_text())))
    wall, cpu = ours.wall_seconds / costs[0].wall_seconds, ours.cpu_seconds / costs[0].cpu_seconds
    print(f"ours / ultralytics with the same arguments: {wall:.2f} on the wall, {cpu:.2f} of CPU")


if __name__ == "__main__":
    main()
