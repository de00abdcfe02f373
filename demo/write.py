"""Writes the story's images to a folder, in the layouts that the demo and the benchmarks read."""

from __future__ import annotations

import json
from pathlib import Path

from demo.examples import Example, Material


def write_class_folders(material: Material, folder: Path) -> Path:
    """One folder a class, as image classification reads it; gives the folder."""
    for example in (*material.uploads, *material.kept):
        target = folder / material.classes[int(example.labels[0])] / f"{example.name}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(example.content())
    return folder


def write_yolo_layout(material: Material, folder: Path) -> Path:
    """`data.yaml`, and images and labels of a train and a val part; gives the folder."""
    for part, examples in (("train", material.uploads), ("val", material.kept)):
        _write_part(examples, folder / part)
    # JSON is YAML, and knows how to quote.
    names = json.dumps(list(material.classes))
    (folder / "data.yaml").write_text(f"train: train/images\nval: val/images\nnames: {names}\n")
    return folder


def _write_part(examples: tuple[Example, ...], folder: Path) -> None:
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for example in examples:
        (folder / "images" / f"{example.name}.png").write_bytes(example.content())
        (folder / "labels" / f"{example.name}.txt").write_text("\n".join(example.labels) + "\n")
