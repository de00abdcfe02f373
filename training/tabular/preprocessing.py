"""From the cells of a table to the numbers that an algorithm learns from: fitted on training rows, kept in the graph.

There is one implementation, the graph itself: training runs it on its rows as serving does on those of a caller.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from datasets.tables.schema import ColumnType
from inference.sessions import open_session
from inference.tabular.inputs import CATEGORIES, DATES, NUMBERS, Inputs, TableShape, row_count, taken
from training.tabular.export.dates import add_date_parts
from training.tabular.export.graph import INT64, ML, Graph
from training.tabular.plans import Plan

MOST_CATEGORIES_SHOWN = 100
MOST_CATEGORIES_KNOWN = 1_000
_RARE_BELOW = 2
# Beyond it a single wild number at prediction would run over in what comes after.
_SCALED_BOUND = 1e6
_RAW_BOUND = 1e300
_ROWS_AT_ONCE = 4_096


@dataclass(frozen=True)
class CategoryTable:
    """What becomes of the categories of one column.

    Attributes:
        known: by frequency, then by name.
        rows: float64, (known, rare, missing) x outputs: one of them is 1, and for more categories than are shown, how
            frequent it is.
    """

    known: tuple[str, ...]
    rows: np.ndarray


@dataclass
class Preprocessing:
    """What was fitted; `add` puts it into a graph.

    Attributes:
        medians: of numbers and parts of dates, in the order of the graph's numeric block.
        gaps: columns of that block that get an indicator, since there were missing ones.
        kept: columns of what comes out that were not constant.
    """

    shape: TableShape
    plan: Plan
    medians: np.ndarray
    gaps: list[int]
    tables: list[CategoryTable]
    means: np.ndarray = field(default_factory=lambda: np.zeros(0))
    spreads: np.ndarray = field(default_factory=lambda: np.ones(0))
    kept: list[int] = field(default_factory=list)

    @classmethod
    def fit(cls, shape: TableShape, inputs: Inputs, plan: Plan) -> Preprocessing:
        """Learn from training rows."""
        block = _numeric_block(shape, inputs)
        with np.errstate(all="ignore"):
            medians = np.array([np.median(c[~np.isnan(c)]) if (~np.isnan(c)).any() else 0.0 for c in block.T])
        numbers, dates = (len(shape.of_type(kind)) for kind in (ColumnType.NUMBER, ColumnType.DATE))
        # Of a date that is missing all parts are, so its first tells for all.
        sources = range(numbers + dates)
        gaps = [index for index in sources if np.isnan(block[:, index]).any()]
        tables = [_category_table(column) for column in inputs.get(CATEGORIES, np.empty((0, 0), object)).T]
        fitted = cls(shape, plan, medians, gaps, tables)
        fitted._fit_scale(inputs)
        return fitted

    def add(self, graph: Graph) -> str:
        """Put it into a graph; gives the name of the features, double, rows x kept."""
        found = self._add_all(graph)
        if self.plan is Plan.SCALED:
            found = graph.op("Div", graph.op("Sub", found, graph.doubles(self.means)), graph.doubles(self.spreads))
            found = graph.op("Clip", found, graph.doubles(-_SCALED_BOUND), graph.doubles(_SCALED_BOUND))
        return graph.columns(found, self.kept)

    def apply(self, inputs: Inputs) -> np.ndarray:
        """The features of rows, float64, rows x kept."""
        graph = Graph()
        return _run(graph, self.add(graph), self.shape, inputs)

    def _fit_scale(self, inputs: Inputs) -> None:
        graph = Graph()
        features = _run(graph, self._add_all(graph), self.shape, inputs)
        gap = np.isnan(features)
        filled = np.where(gap, np.inf, features)
        lows, highs = filled.min(0), np.where(gap, -np.inf, features).max(0)
        # Of a column that is always the same where it is there, the indicator says all that it can say.
        self.kept = np.flatnonzero((lows < highs) & (highs > -np.inf)).tolist()
        if self.plan is Plan.SCALED:
            numeric = np.arange(features.shape[1]) < len(self.medians)
            spreads = features.std(0)
            self.means = np.where(numeric, features.mean(0), 0.0)
            self.spreads = np.where(numeric & (spreads > 0), spreads, 1.0)

    def _add_all(self, graph: Graph) -> str:
        """All features before scaling, the constant ones among them: numeric block, indicators, categories."""
        found = []
        if len(self.medians):
            block = _add_numeric_block(graph, self.shape)
            missing = graph.op("IsNaN", block)
            if self.plan is not Plan.RAW:
                block = graph.op("Where", missing, graph.doubles(self.medians), block)
            found.append(block)
            if self.gaps:
                found.append(graph.cast(graph.columns(graph.cast(missing, INT64), self.gaps)))
        found += [_add_categories(graph, index, table) for index, table in enumerate(self.tables)]
        return graph.op("Concat", *found, axis=1)


def _category_table(column: np.ndarray) -> CategoryTable:
    counts = Counter(column.tolist())
    counts.pop("", None)
    by_count = sorted((name for name, count in counts.items() if count >= _RARE_BELOW), key=lambda n: (-counts[n], n))
    known = by_count[:MOST_CATEGORIES_KNOWN]
    rare = counts.total() - sum(counts[name] for name in known)
    shown = min(len(known), MOST_CATEGORIES_SHOWN)
    many = len(known) > MOST_CATEGORIES_SHOWN or rare > 0
    rows = np.zeros((len(known) + 2, shown + 3))
    # Outputs: the shown ones, one for the others, one for missing, and how frequent it is.
    for index, name in enumerate(known):
        rows[index, min(index, shown)] = 1.0
        rows[index, -1] = counts[name] / len(column) if many else 0.0
    rows[len(known), shown] = 1.0
    rows[len(known) + 1, shown + 1] = 1.0
    # A rare one was seen, so it is a key of its own in the graph, as far as there is room for it.
    pooled = sorted(set(counts) - set(known))[: MOST_CATEGORIES_KNOWN - len(known)]
    extra = np.tile(rows[len(known)], (len(pooled), 1))
    return CategoryTable((*known, *pooled), np.concatenate([rows[: len(known)], extra, rows[len(known) :]]))


def _add_categories(graph: Graph, index: int, table: CategoryTable) -> str:
    texts = graph.op("Gather", CATEGORIES, graph.ints(index), axis=1)
    missing = len(table.rows) - 1
    # What was never seen is as missing.
    keys = list(table.known) or [""]
    values = list(range(len(table.known))) or [missing]
    codes = graph.op("LabelEncoder", texts, domain=ML, keys_strings=keys, values_int64s=values, default_int64=missing)
    return graph.op("Gather", graph.doubles(table.rows), codes, axis=0)


def _add_numeric_block(graph: Graph, shape: TableShape) -> str:
    found = []
    if shape.of_type(ColumnType.NUMBER):
        found.append(graph.op("Clip", NUMBERS, graph.doubles(-_RAW_BOUND), graph.doubles(_RAW_BOUND)))
    if shape.of_type(ColumnType.DATE):
        found += add_date_parts(graph, DATES)
    return graph.op("Concat", *found, axis=1)


def _numeric_block(shape: TableShape, inputs: Inputs) -> np.ndarray:
    if not set(inputs) - {CATEGORIES}:
        return np.zeros((row_count(inputs), 0))
    graph = Graph()
    return _run(graph, _add_numeric_block(graph, shape), shape, inputs)


def _run(graph: Graph, result: str, shape: TableShape, inputs: Inputs) -> np.ndarray:
    """What a graph makes of rows, a part of them at a time."""
    bare = TableShape(shape.target, shape.task, shape.columns, ())
    session = open_session(graph.model(bare, result).SerializeToString(), threads=1)
    wanted: Sequence[str] = [entry.name for entry in session.get_inputs()]
    parts = [
        session.run([bare.output], {name: stack for name, stack in part.items() if name in wanted})[0]
        for start in range(0, row_count(inputs), _ROWS_AT_ONCE)
        for part in [taken(inputs, slice(start, start + _ROWS_AT_ONCE))]
    ]
    return np.concatenate(parts)
