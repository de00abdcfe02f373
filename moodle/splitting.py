"""The random fifth that a round of an evaluation holds back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HELD_BACK = 0.2
Places = NDArray[np.int64]


def split(target: NDArray[np.int64], random: np.random.Generator) -> tuple[Places, Places]:
    """Places of rows to train on and of rows held back, about four fifths and one, classes in the same shares.

    The only row of a class is trained on, since nothing can be learned of a class without one.
    """
    rest = np.bincount(target) * HELD_BACK
    counts = np.floor(rest).astype(int)
    # Fractions are dealt out by their size, so that small classes get their turn and the sum is right.
    missing = round(float(rest.sum())) - int(counts.sum())
    order = np.argsort(-(rest - counts) - 1e-3 * random.random(len(counts)))
    counts[order[: max(0, missing)]] += 1
    held: list[int] = []
    for label, count in enumerate(counts):
        places = random.permutation(np.flatnonzero(target == label))
        held += places[: min(count, len(places) - 1) if len(places) else 0].tolist()
    if not held:
        held = _one(target, random)
    back = np.zeros(len(target), bool)
    back[held] = True
    return random.permutation(np.flatnonzero(~back)), np.flatnonzero(back)


def can_split(target: NDArray[np.int64]) -> bool:
    """Whether some class has a row to hold back."""
    return bool((np.bincount(target) > 1).any())


def _one(target: NDArray[np.int64], random: np.random.Generator) -> list[int]:
    counts = np.bincount(target)
    return [int(random.choice(np.flatnonzero(counts[target] > 1)))]
