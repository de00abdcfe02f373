"""Predictions for rows of a table: from JSON to one answer a row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.answers import RowPredictions
from inference.protocol import Bounds, ModelCard, Options, Predictor, Reading
from inference.tabular.explaining import Explainer
from inference.tabular.inputs import Inputs, TableShape, row_count, stacked, taken
from inference.tabular.rows import RowReader
from utils import InvalidInput, TooLarge

# What is computed in between (a distance to each training row, a leaf of each tree) grows with the rows of a run.
_ROWS_AT_ONCE = 512
_MOST_PROBABILITIES = 1_000_000


@dataclass(frozen=True)
class TableReading(Reading):
    """Rows that were read.

    Attributes:
        inputs: of the graph, see `inference.tabular.inputs`.
        warnings: what a caller should know: columns that are missing or not used, categories never seen.
    """

    inputs: Inputs
    warnings: list[str]

    def __len__(self) -> int:
        return row_count(self.inputs)


class TabularPredictor(Predictor):
    """A model of tables; safe to call from several threads at once."""

    OPTIONS = frozenset({"explain"})

    def __init__(self, session: Any, card: ModelCard):
        super().__init__(session, card)
        table = card.table or {}
        self._shape = TableShape.of(table)
        self._reader = RowReader(self._shape, table.get("known", {}))
        self._explainer = Explainer(self._shape, table.get("background", []), self.forward)

    def read(self, content: bytes, bounds: Bounds) -> TableReading:
        """Rows from JSON: a list of at most 10,000 objects, values by column name.

        Raises:
            InvalidInput: it is none, a cell cannot be read by its column's type (says which, and what was wanted), or
                no column of the model is there.
            TooLarge: too many rows.
        """
        try:
            rows = json.loads(content)
        except (ValueError, RecursionError):
            raise InvalidInput("rows must be JSON: a list of objects, each with values by column name") from None
        # Each row is answered with the probability of every class.
        most = min(bounds.most_rows, max(1, _MOST_PROBABILITIES // max(1, len(self._shape.classes))))
        if isinstance(rows, list) and len(rows) > most:
            raise TooLarge(f"{len(rows):,} rows, at most {most:,} at a time of this model: send them in several")
        return self.read_rows(rows)

    def read_rows(self, rows: Any, first: int = 1) -> TableReading:
        """Rows that are Python values already; see `read`.

        Args:
            first: the number of the first row, for messages.
        """
        if not isinstance(rows, list) or not rows:
            got = "none" if rows == [] else type(rows).__name__
            raise InvalidInput(f"rows must be a list of objects, at least one, got {got}")
        columns, warnings = self._reader.read(rows, first)
        return TableReading(stacked(self._shape, columns, len(rows)), warnings)

    def forward(self, inputs: Inputs) -> np.ndarray:
        """Run the model: float32 rows x classes, or float64 rows x 1."""
        parts = [
            self._session.run([self._shape.output], taken(inputs, slice(start, start + _ROWS_AT_ONCE)))[0]
            for start in range(0, row_count(inputs), _ROWS_AT_ONCE)
        ]
        return np.concatenate(parts) if len(parts) > 1 else np.asarray(parts[0])

    def answer(self, outputs: np.ndarray, reading: TableReading, options: Options, draw: bool) -> RowPredictions:
        """See `Predictor`; there is nothing to draw."""
        return RowPredictions(self.post_process(outputs, reading, bool(options.explain)), reading.warnings)

    def warm_up(self) -> None:
        """Predict one row in which everything is missing."""
        missing = {column.name: None for column in self._shape.columns}
        self.forward(self.read_rows([missing]).inputs)

    def post_process(self, outputs: np.ndarray, rows: TableReading, explain: bool = False) -> list[dict[str, Any]]:
        """One answer a row: `class`, `confidence` and `probabilities`, or `value`.

        Args:
            explain: add to each what its columns did, see `inference.tabular.explaining`.

        Raises:
            InvalidInput: too many rows to explain.
        """
        answers = self._classes(outputs) if self._shape.classes else self._values(outputs)
        if explain:
            for answer, reasons in zip(answers, self._explainer.explain(rows.inputs, outputs), strict=True):
                answer["explanation"] = reasons
        return answers

    def _classes(self, outputs: np.ndarray) -> list[dict[str, Any]]:
        names = self._shape.classes
        return [
            {"class": names[best], "confidence": row[best], "probabilities": dict(zip(names, row, strict=True))}
            for best, row in zip(outputs.argmax(1).tolist(), outputs.tolist(), strict=True)
        ]

    def _values(self, outputs: np.ndarray) -> list[dict[str, Any]]:
        return [{"value": value} for value in outputs[:, 0].tolist()]
