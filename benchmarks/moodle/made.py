"""Data files in the likeness of what Moodle sends, made of random numbers: wide, sparse, correlated, and repeated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVELS = np.array([-1.0, -0.33, 0.33, 1.0])


@dataclass(frozen=True)
class Made:
    """Rows of one rule.

    Attributes:
        features: float64 [rows, columns]; target: int64 [rows], places in `classes` classes.
    """

    features: NDArray[np.float64]
    target: NDArray[np.int64]
    classes: int

    def labelled(self) -> bytes:
        """As a file for training."""
        lines = (f"{cells},{label}" for cells, label in zip(self._cells(), self.target, strict=True))
        return self._file([*self._names(), "target"], lines)

    def samples(self, rows: int | None = None) -> bytes:
        """The first rows as a file for prediction."""
        lines = (f"{place}-0,{cells}" for place, cells in enumerate(self._cells(rows)))
        return self._file(["sampleid", *self._names()], lines)

    def _names(self) -> list[str]:
        return [f"indicator{place}" for place in range(self.features.shape[1])]

    def _cells(self, rows: int | None = None) -> list[str]:
        return [",".join(f"{value:g}" for value in row) for row in self.features[:rows].tolist()]

    def _file(self, names: list[str], lines: Iterable[str]) -> bytes:
        classes = "[" + ",".join(map(str, range(self.classes))) + "]"
        head = f'nfeatures,targetclasses,targettype\n{len(names) - 1},"{classes}",discrete\n{",".join(names)}\n'
        return (head + "\n".join(lines) + "\n").encode()


def wide(rows: int, columns: int, rule: int, seed: int, repeated: bool = True) -> Made:
    """People of whom a few traits show in many indicators; a third of the columns varies, most of these are mostly 0.

    Args:
        rule: seed of what indicators show and of who belongs to the second class, about a quarter.
        seed: of the people.
        repeated: whether half of the rows repeat others.
    """
    law, random = np.random.default_rng(rule), np.random.default_rng([rule, seed])
    distinct, varying, traits = (rows + 1) // 2 if repeated else rows, columns // 3, 10
    places = np.sort(law.choice(columns, varying, replace=False))
    loadings = law.normal(0, 1, (traits, varying)) * (law.random((traits, varying)) < 0.25)
    shown_above, often = law.uniform(0.3, 1.2, varying), law.uniform(0.02, 0.6, varying)
    people = random.normal(0, 1, (distinct, traits))
    strength = people @ loadings + random.normal(0, 0.6, (distinct, varying))
    levels = LEVELS[np.digitize(strength, [-1.0, 0.0, 1.0])]
    shown = (np.abs(strength) > shown_above) & (random.random((distinct, varying)) < often)
    values = np.where(shown, levels, 0.0)
    pairs = law.choice(traits, (4, 2))
    score = people @ law.normal(0, 0.8, traits) + 1.2 * (people[:, pairs[:, 0]] * people[:, pairs[:, 1]]).sum(axis=1)
    target = (score > np.quantile(score, 0.75)).astype(np.int64)
    target[:2] = (0, 1)
    again = np.concatenate([np.arange(distinct), random.integers(0, distinct, rows - distinct)])
    features = np.zeros((rows, columns))
    features[:, places] = values[again]
    return Made(features, target[again], 2)


def plane(rows: int, rule: int, seed: int) -> Made:
    """Points of a square, on two sides of a line."""
    law, random = np.random.default_rng(rule), np.random.default_rng([rule, seed])
    angle, shift = law.uniform(0, 2 * np.pi), law.uniform(-0.2, 0.2)
    features = random.uniform(-1, 1, (rows, 2)).round(3)
    target = (features @ [np.cos(angle), np.sin(angle)] > shift).astype(np.int64)
    if len(set(target.tolist())) < 2:
        return plane(rows, rule, seed + 1000)
    return Made(features, target, 2)


def flowers(rows: int, rule: int, seed: int) -> Made:
    """Three kinds with four measures each."""
    law, random = np.random.default_rng(rule), np.random.default_rng([rule, seed])
    centres = law.uniform(-1, 1, (3, 4))
    target = np.arange(rows) % 3
    features = (centres[target] + random.normal(0, 0.25, (rows, 4))).round(2)
    return Made(features, target, 3)
