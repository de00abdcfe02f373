"""How good is our classifier, and how fast? Beside torchvision's ResNet-18 from scratch on the same images.

    python -m benchmarks.classification [FOLDER] [--epochs 6] [--seed 0]

FOLDER holds one folder of images a class; without it, hand-written digits are used.
Both see the same 80 % of each class, as often, and are scored on the rest.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import random
import sys
import tempfile
import time
from pathlib import Path

from datasets.images import ImageInfo, read_info
from datasets.snapshot import Annotation, Dataset, Sample
from demo import digits
from demo.write import write_class_folders
from training.classification.trainer import ClassificationParams, ClassificationTrainer
from training.protocol import Workspace

FORMATS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


class Printer:
    """A report that goes to the terminal."""

    def log(self, line: str) -> None:
        print("   ", line, flush=True)

    def progress(self, epoch: float, epochs: int, metrics: dict[str, float] | None = None) -> None:
        """Progress is not shown."""

    def checkpoint(self, path: Path, epoch: int) -> None:
        """Checkpoints are not kept."""

    def resumed(self, epoch: int) -> None:
        """Never happens here."""

    def keepable(self) -> None:
        """Nobody stops it."""

    def stopping(self) -> bool:
        """Never."""
        return False


def read_folder(folder: Path, seed: int) -> Dataset:
    """One class a folder; a fifth of each, drawn with the seed, is held back."""
    classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    shuffled = random.Random(seed)
    train, val = [], []
    for index, name in enumerate(classes):
        paths = sorted(path for path in (folder / name).iterdir() if path.suffix.lower() in FORMATS)
        shuffled.shuffle(paths)
        held_back = round(len(paths) * 0.2)
        samples = [_sample(path, read_info(path.read_bytes(), 50_000_000), index) for path in paths]
        val += samples[:held_back]
        train += samples[held_back:]
    digest = hashlib.sha256(str(folder).encode()).hexdigest()
    return Dataset("classification", tuple(classes), tuple(train), tuple(val), digest)


def _sample(path: Path, info: ImageInfo, class_index: int) -> Sample:
    return Sample(path, info.width, info.height, (Annotation(class_index),))


def run_ours(dataset: Dataset, epochs: int, seed: int) -> tuple[float, float]:
    """Accuracy, and the seconds of everything a job does: decode, train, export, score the export, draw."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder), Path(folder) / "none", download_weights=False, yolo_model="")
        params = ClassificationParams(epochs=epochs, seed=seed)
        card = ClassificationTrainer().fit(dataset, params, workspace, Printer()).card
    return card.metrics["accuracy"], time.perf_counter() - started


def run_baseline(dataset: Dataset, epochs: int, seed: int) -> tuple[float, float]:
    """Accuracy and seconds of the loop one writes first: ResNet-18, Adam at 1e-3, no changes to the images."""
    import torch
    import torchvision

    from training.classification import pixels

    started = time.perf_counter()
    torch.manual_seed(seed)
    train, val = (pixels.load(part, 64, Path("unused"), lambda: None) for part in (dataset.train, dataset.val))

    def tensor(images):
        return images.permute(0, 3, 1, 2).float() / 255

    network = torchvision.models.resnet18(weights=None, num_classes=len(dataset.classes))
    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(epochs):
        for images, labels in pixels.batches(train, 1, len(train.labels) // 32, order):
            loss = torch.nn.functional.cross_entropy(network(tensor(images)), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.inference_mode():
        predicted = network.eval()(tensor(torch.from_numpy(val.pixels))).argmax(1).numpy()
    return float((predicted == val.labels).mean()), time.perf_counter() - started


def main() -> None:
    """Run both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="one folder a class; hand-written digits if not given")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}: python -m benchmarks.classification {' '.join(sys.argv[1:])}")
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or write_class_folders(digits.classification(), Path(name))
        compare(read_folder(folder, arguments.seed), arguments.epochs, arguments.seed)


def compare(dataset: Dataset, epochs: int, seed: int) -> None:
    """Run both, print both."""
    print(f"{len(dataset.train):,} images to train on, {len(dataset.val):,} held back, {len(dataset.classes)} classes")
    # Torch is imported by the first; that belongs to a training, which is a process of its own.
    accuracy, seconds = run_ours(dataset, epochs, seed)
    print(f"ours      {accuracy:7.2%} right  {seconds:6.1f} s", flush=True)
    baseline, baseline_seconds = run_baseline(dataset, epochs, seed)
    print(f"ResNet-18 {baseline:7.2%} right  {baseline_seconds:6.1f} s")
    errors = (1 - accuracy) / (1 - baseline) if baseline < 1 else float("nan")
    print(f"ours / ResNet-18: {errors:.2f} of the errors in {seconds / baseline_seconds:.2f} of the time")


if __name__ == "__main__":
    main()
