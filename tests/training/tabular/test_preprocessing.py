"""What the graph makes of cells, compared with plain Python."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from datasets.tables.schema import Column, ColumnType
from inference.tabular.inputs import CATEGORIES, DATES, NUMBERS, TableShape
from training.tabular.plans import Plan
from training.tabular.preprocessing import MOST_CATEGORIES_SHOWN, Preprocessing


def shape(*types: ColumnType) -> TableShape:
    return TableShape("t", "regression", tuple(Column(f"c{at}", kind) for at, kind in enumerate(types)), ())


def test_dates_are_taken_apart_as_the_calendar_does():
    random = np.random.default_rng(0)
    moments = [datetime(1970, 1, 1) + timedelta(days=int(d), hours=int(h)) for d, h in zip(
        random.integers(-700_000, 2_900_000, 3_000), random.integers(0, 24, 3_000), strict=True)]  # fmt: skip
    moments += [datetime(2000, 2, 29), datetime(1900, 3, 1), datetime(2100, 2, 28), datetime(1, 1, 1)]
    days = np.array([[(moment - datetime(1970, 1, 1)) / timedelta(days=1)] for moment in moments])
    features = Preprocessing.fit(shape(ColumnType.DATE), {DATES: days}, Plan.RAW).apply({DATES: days})
    wanted = [[m.year, m.month, m.day, m.weekday(), m.hour] for m in moments]
    assert (features[:, 1:] == wanted).all()
    assert (features[:, 0] == days[:, 0]).all()


def test_gaps_are_filled_with_the_median_of_training_rows_and_told():
    train = {NUMBERS: np.array([[1.0, 5.0], [2.0, np.nan], [9.0, 7.0], [4.0, 9.0]])}
    fitted = Preprocessing.fit(shape(ColumnType.NUMBER, ColumnType.NUMBER), train, Plan.FILLED)
    found = fitted.apply({NUMBERS: np.array([[np.nan, np.nan], [0.0, 1.0]])})
    # Two numbers, then the indicator of the column that had gaps in training.
    assert found.tolist() == [[3.0, 7.0, 1.0], [0.0, 1.0, 0.0]]


def test_scaled_numbers_have_mean_0_and_spread_1_on_training_rows_and_are_bounded():
    train = {NUMBERS: np.random.default_rng(0).normal(50, 10, (200, 1))}
    fitted = Preprocessing.fit(shape(ColumnType.NUMBER), train, Plan.SCALED)
    found = fitted.apply(train)
    assert found.mean() == pytest.approx(0, abs=1e-12)
    assert found.std() == pytest.approx(1)
    assert fitted.apply({NUMBERS: np.array([[1e308]])}).tolist() == [[1e6]]


def test_raw_numbers_keep_their_gaps_and_constant_columns_go():
    train = {NUMBERS: np.array([[1, 3, np.nan, 8, 4], [2, 3, np.nan, 9, np.nan], [3, 3, np.nan, np.nan, 4]])}
    fitted = Preprocessing.fit(shape(*[ColumnType.NUMBER] * 5), train, Plan.RAW)
    found = fitted.apply(train)
    # Kept are the first column, the fourth, and the indicators of the fourth and the last.
    assert found[0].tolist() == [1.0, 8.0, 0.0, 0.0]
    assert found[2, 0] == 3.0
    assert np.isnan(found[2, 1])
    assert found[1].tolist() == [2.0, 9.0, 0.0, 1.0]


def test_categories_are_one_hot_rare_ones_share_a_column_and_unseen_ones_are_as_missing():
    words = ["a"] * 4 + ["b"] * 3 + ["", ""] + ["rare", "rarer"]
    train = {CATEGORIES: np.array([[word] for word in words], dtype=object)}
    fitted = Preprocessing.fit(shape(ColumnType.CATEGORY), train, Plan.RAW)
    ask = [["a"], ["b"], [""], ["rare"], ["rarer"], ["never seen"]]
    a, b, missing, rare, rarer, unseen = fitted.apply({CATEGORIES: np.array(ask, dtype=object)}).tolist()
    assert unseen == missing != rare
    assert rare == rarer
    assert len({tuple(row) for row in (a, b, missing, rare)}) == 4
    assert all(set(row[:-1]) <= {0.0, 1.0} for row in (a, b, missing, rare))


def test_a_column_of_very_many_categories_stays_bounded():
    words = [f"w{number % 400}" for number in range(2_000)]
    train = {CATEGORIES: np.array([[word] for word in words], dtype=object)}
    fitted = Preprocessing.fit(shape(ColumnType.CATEGORY), train, Plan.RAW)
    assert fitted.apply(train).shape[1] <= MOST_CATEGORIES_SHOWN + 3
