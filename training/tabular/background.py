"""A few training rows that a model keeps, to say what its columns did."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from inference.tabular.inputs import INPUT_OF, Inputs, TableShape, row_count

_SAMPLED = 8
_MOST_CELLS = 20_000
_LONGEST_TEXT = 200


def sample(shape: TableShape, inputs: Inputs, seed: int) -> list[dict[str, Any]]:
    """The typical row (medians, most frequent categories) and some drawn ones, values by column; None is missing."""
    count = min(_SAMPLED, max(1, _MOST_CELLS // len(shape.columns)), row_count(inputs))
    drawn = np.random.default_rng(seed).choice(row_count(inputs), count, replace=False)
    columns = {
        column.name: inputs[name][:, place]
        for kind, name in INPUT_OF.items()
        for place, column in enumerate(shape.of_type(kind))
    }
    typical = {name: _typical(values) for name, values in columns.items()}
    return [typical, *({name: _plain(values[row]) for name, values in columns.items()} for row in drawn)]


def _typical(values: np.ndarray) -> Any:
    if values.dtype == object:
        return _plain(min(Counter(values.tolist()).items(), key=lambda item: (-item[1], item[0]))[0])
    there = values[~np.isnan(values)]
    return float(np.median(there)) if len(there) else None


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value[:_LONGEST_TEXT] or None
    return None if np.isnan(value) else float(value)
