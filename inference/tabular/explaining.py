"""Which columns moved a prediction.

Each column in turn gets the values of a few training rows instead of its own; how far the prediction moves, on average,
is what the column did. This is the one-at-a-time form of "Explaining Classifications For Individual Instances"
(Robnik-Sikonja and Kononenko, 2008). What columns do only together is told of each, so the parts need not add up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from inference.tabular.inputs import INPUT_OF, Inputs, TableShape, row_count
from utils import InvalidInput

METHOD = "one column at a time replaced by values of training rows (after Robnik-Sikonja and Kononenko, 2008)"
# Rows that the model is run on for one request, with one column replaced in each.
MOST_RUNS = 50_000
_MOST_TOLD = 20


class Explainer:
    """Explains rows with one model.

    Args:
        background: values of a few training rows, the typical one first, by column name; None is missing.
        run: gives the outputs of rows.
    """

    def __init__(self, shape: TableShape, background: list[dict[str, Any]], run: Callable[[Inputs], np.ndarray]):
        self._shape = shape
        self._background = background
        self._run = run

    def explain(self, inputs: Inputs, outputs: np.ndarray) -> list[list[dict[str, Any]]]:
        """For each row its columns, those that moved the prediction farthest first.

        Each with `column` and `effect`: how much more likely the predicted class is, or how much higher the value,
        with this cell than with those of other rows.

        Raises:
            InvalidInput: too many rows, or a model that was made without what this needs.
        """
        rows, columns = row_count(inputs), len(self._shape.columns)
        most = MOST_RUNS // max(1, columns * len(self._background))
        if not self._background:
            raise InvalidInput("this model cannot explain: train it again")
        if rows > most:
            raise InvalidInput(
                f"explain: at most {most:,} rows at a time with {columns:,} columns, got {rows:,}: send fewer"
            )
        told = outputs.argmax(1)
        own = np.take_along_axis(outputs, told[:, None], 1)[:, 0].astype(float)
        effects = np.stack([own - self._without(column.name, inputs, told) for column in self._shape.columns], 1)
        return [self._ranked(row) for row in effects]

    def _without(self, name: str, inputs: Inputs, told: np.ndarray) -> np.ndarray:
        """What the model says on average when a column has the values of other rows."""
        key, place = self._place(name)
        missing = "" if inputs[key].dtype == object else np.nan
        values = [missing if row[name] is None else row[name] for row in self._background]
        many = {other: np.tile(stack, (len(values), 1)) for other, stack in inputs.items()}
        many[key][:, place] = np.repeat(np.array(values, dtype=inputs[key].dtype), len(told))
        said = self._run(many).reshape(len(values), len(told), -1)
        return np.asarray(np.take_along_axis(said, told[None, :, None], 2)[:, :, 0].mean(0, dtype=float))

    def _place(self, name: str) -> tuple[str, int]:
        """The input that has the column, and where."""
        column = next(column for column in self._shape.columns if column.name == name)
        return INPUT_OF[column.type], self._shape.of_type(column.type).index(column)

    def _ranked(self, effects: np.ndarray) -> list[dict[str, Any]]:
        order = np.argsort(-np.abs(effects), kind="stable")[:_MOST_TOLD]
        return [{"column": self._shape.columns[k].name, "effect": round(float(effects[k]), 9)} for k in order]
