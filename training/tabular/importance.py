"""How much the score falls when a column's cells are shuffled among the validation rows.

As in "All Models are Wrong, but Many are Useful" (Fisher, Rudin and Dominici, 2019) and, before it, Breiman's forests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from inference.tabular.inputs import INPUT_OF, Inputs, TableShape
from training.tabular.data import Rows
from training.tabular.metrics import main_score

_REPEATS = 5
_MOST_ROWS = 2_000
_MOST_CELLS = 2_000_000


def importances(
    shape: TableShape, rows: Rows, outputs: np.ndarray, serve: Callable[[Inputs], np.ndarray], seed: int
) -> list[dict[str, Any]]:
    """Columns with mean and deviation of the fall of accuracy or R², the largest first."""
    generator = np.random.default_rng(seed)
    most = int(max(50, min(_MOST_ROWS, _MOST_CELLS / (len(shape.columns) ** 2))))
    if len(rows) > most:
        picked = np.sort(generator.choice(len(rows), most, replace=False))
        rows, outputs = rows.take(picked), outputs[picked]
    whole = main_score(rows.targets, outputs)
    # All repeats of a column are one call: of small tables that is what takes the time.
    tiled = {key: np.concatenate([values] * _REPEATS) for key, values in rows.inputs.items()}
    found = []
    for kind, key in INPUT_OF.items():
        for place, column in enumerate(shape.of_type(kind)):
            cells = rows.inputs[key][:, place]
            tiled[key][:, place] = np.concatenate([generator.permutation(cells) for _ in range(_REPEATS)])
            parts = np.split(serve(tiled), _REPEATS)
            tiled[key][:, place] = np.tile(cells, _REPEATS)
            falls = [whole - main_score(rows.targets, part) for part in parts]
            mean, deviation = round(float(np.mean(falls)), 6), round(float(np.std(falls)), 6)
            found.append({"column": column.name, "mean": mean, "deviation": deviation})
    return sorted(found, key=lambda item: (-item["mean"], item["column"]))
