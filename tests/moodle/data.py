"""Data files as Moodle writes them, made of random numbers."""

from __future__ import annotations

import json

import numpy as np


def columns(count: int) -> list[str]:
    """Names as Moodle gives them."""
    return [f"\\core\\indicator\\number_{place}" for place in range(count)]


def header(names: list[str], classes: list, line_end: str = "\n") -> str:
    """Three lines."""
    told = json.dumps(classes).replace(" ", "").replace('"', '""')
    meta = ["nfeatures,targetclasses,targettype", f'{len(names) - 1},"{told}",discrete', ",".join(names)]
    return line_end.join(meta) + line_end


def labelled(rows: int, features: int = 6, classes: tuple = (0, 1), seed: int = 0) -> bytes:
    """Rows whose first features say the class: the largest of them is its own."""
    random = np.random.default_rng(seed)
    values = random.uniform(-1, 1, (rows, features)).round(3)
    target = values[:, : len(classes)].argmax(axis=1)
    target[: len(classes)] = np.arange(len(classes))
    values[np.arange(len(classes)), np.arange(len(classes))] = 2
    lines = [",".join([*map(str, row), str(classes[place])]) for row, place in zip(values, target, strict=True)]
    return (header([*columns(features), "target"], list(classes)) + "\n".join(lines) + "\n").encode()


def samples(rows: int, features: int = 6, classes: tuple = (0, 1), seed: int = 1) -> tuple[bytes, list[str]]:
    """Rows to predict for, and the classes that are right."""
    random = np.random.default_rng(seed)
    values = random.uniform(-1, 1, (rows, features)).round(3)
    truth = [str(classes[place]) for place in values[:, : len(classes)].argmax(axis=1)]
    lines = [",".join([f"{place}-0", *map(str, row)]) for place, row in enumerate(values)]
    return (header(["sampleid", *columns(features)], list(classes)) + "\n".join(lines) + "\n").encode(), truth
