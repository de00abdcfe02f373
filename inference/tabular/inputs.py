"""Between columns of a table and the inputs of a graph: names, order, and the JSON that a file carries about itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets.tables.schema import Column, ColumnType

NUMBERS, CATEGORIES, DATES = "numbers", "categories", "dates"
PROBABILITIES, VALUE = "probabilities", "value"
METADATA = "diyml_table"
INPUT_OF = {ColumnType.NUMBER: NUMBERS, ColumnType.CATEGORY: CATEGORIES, ColumnType.DATE: DATES}
Inputs = dict[str, np.ndarray]
"""By name of a graph's input: float64 rows x columns (NaN is missing), or text as objects ("" is missing)."""


@dataclass(frozen=True)
class TableShape:
    """What a model of tables takes and gives; the same in card and file.

    Attributes:
        columns: the features; those of one type are, in this order, the columns of one input.
        classes: sorted; none for regression.
    """

    target: str
    task: str
    columns: tuple[Column, ...]
    classes: tuple[str, ...]

    def of_type(self, column_type: ColumnType) -> tuple[Column, ...]:
        """The features of one type, as columns of their input."""
        return tuple(column for column in self.columns if column.type is column_type)

    @property
    def output(self) -> str:
        """The name of the graph's output."""
        return PROBABILITIES if self.classes else VALUE

    def as_fields(self) -> dict[str, Any]:
        """As plain values; `of` gives it back."""
        return {
            "target": self.target,
            "task": self.task,
            "classes": list(self.classes),
            "columns": [column.as_fields() for column in self.columns],
            "inputs": {INPUT_OF[kind]: [column.name for column in self.of_type(kind)] for kind in INPUT_OF},
        }

    def as_json(self, known: Mapping[str, Sequence[str]] | None = None) -> str:
        """For the file's own metadata; `known` are its categories by column."""
        return json.dumps({**self.as_fields(), "known": known or {}}, ensure_ascii=False)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> TableShape:
        """Back from what `as_fields` made of it."""
        columns = tuple(Column.of(column) for column in fields["columns"])
        return cls(fields["target"], fields["task"], columns, tuple(fields["classes"]))


def stacked(shape: TableShape, columns: Mapping[str, Sequence[Any] | np.ndarray], rows: int) -> Inputs:
    """The inputs of a graph, from the values of each feature by its name.

    Args:
        columns: float64 with NaN for numbers and dates, texts with "" for categories.
    """
    inputs: Inputs = {}
    for kind, name in INPUT_OF.items():
        if members := shape.of_type(kind):
            dtype = object if kind is ColumnType.CATEGORY else np.float64
            stack = np.empty((rows, len(members)), dtype=dtype)
            for index, column in enumerate(members):
                stack[:, index] = columns[column.name]
            inputs[name] = stack
    return inputs


def taken(inputs: Inputs, rows: Any) -> Inputs:
    """Some of the rows, by index, slice or mask."""
    return {name: stack[rows] for name, stack in inputs.items()}


def row_count(inputs: Inputs) -> int:
    """How many rows there are."""
    return len(next(iter(inputs.values())))
