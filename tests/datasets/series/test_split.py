"""When rows were read, and which of them are trained on."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.series.split import not_held_back, split_series
from datasets.series.times import iso_time, seconds_of_number, time_reader
from datasets.series.timing import span, timing
from datasets.tables.schema import Column, ColumnType

_NAN = float("nan")


def test_the_first_rows_of_each_series_are_trained_on_by_time_and_not_by_place():
    times = np.array([9.0, 8, 7, 6, 5, 4, 3, 2, 1, 0, 3, 2, 1, 0, _NAN])
    series = np.array([0] * 10 + [1] * 4 + [0])
    parts = split_series(times, series, 0.75, labelled=False)
    assert parts.tolist() == [1, 1] + [0] * 8 + [1, 0, 0, 0] + [3]
    labelled = split_series(times, series, 0.5, labelled=True)
    assert labelled.tolist() == [2, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 3]


def test_without_times_the_order_of_the_file_counts_and_a_single_row_is_trained_on():
    assert split_series(None, np.array([0, 1, 0, 0, 0]), 0.5, labelled=False).tolist() == [0, 0, 0, 1, 1]
    assert split_series(np.array([1.0, 1.0]), np.array([0, 0]), 0.5, labelled=False).tolist() == [0, 1]


def test_what_is_odd_about_times_is_counted_and_told():
    # Two series of one row a second, taken turns: with a gap, a double, a step back, and a row without a time.
    first = [0.0, 1, 2, 3, 4, 5, 15, 16, 17, 17]
    second = [100.0, 102, 101, 103, 104, 105, 106, 107, 108, _NAN]
    times = np.array([time for pair in zip(first, second, strict=True) for time in pair])
    found = timing(times, np.array([0, 1] * 10))
    assert (found.interval, found.gaps, found.longest, found.gone) == (1.0, 1, 10.0, 9.0)
    assert (found.backwards, found.doubles, found.missing, found.uneven) == (1, 1, 1, 0)
    told = {finding.code: finding.message for finding in found.findings("at", " of the first 20")}
    assert list(told) == ["missing_times", "times_go_back", "double_times", "gaps"]
    assert "1 gap of the first 20" in told["gaps"]
    assert "every 1 s: the longest is of 10 s, 9 s are missing in all" in told["gaps"]


def test_uneven_steps_and_no_steps_are_told():
    uneven = timing(np.cumsum([1.0, 1, 1.3, 1, 0.6, 1, 1, 1.5, 1, 1]), np.zeros(10, np.int64))
    assert [finding.code for finding in uneven.findings("at")] == ["irregular_times"]
    assert "33% of the steps" in next(uneven.findings("at")).message
    assert timing(np.array([5.0]), np.array([0])).interval is None
    assert list(timing(np.arange(5.0), np.zeros(5, np.int64)).findings("at")) == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.25, "250 ms"), (1, "1 s"), (90, "1.5 min"), (9000, "2.5 h"), (86_400 * 3, "3 d")]
)
def test_lengths_of_time_are_told_in_a_unit_that_fits(seconds: float, text: str):
    assert span(seconds) == text


def test_numbers_are_seconds_or_smaller_parts_of_them_by_their_size():
    now = 1_764_000_000
    assert [seconds_of_number(float(now * scale)) for scale in (1, 1e3, 1e6, 1e9)] == pytest.approx([now] * 4)
    assert time_reader(Column("at", ColumnType.NUMBER))("12.5") == 12.5
    assert time_reader(Column("at", ColumnType.DATE))("1970-01-02T00:00:00.25Z") == 86_400.25
    assert time_reader(Column("at", ColumnType.DATE))("NA") is None
    with pytest.raises(ValueError, match="must be a date"):
        time_reader(Column("at", ColumnType.DATE))("soon")
    assert [iso_time(0.25), iso_time(1e3), iso_time(1e18)] == ["1970-01-01T00:00:00.250Z", "1970-01-01T00:16:40Z", None]


LABELLED = [
    ([45], [], "1 row that is labelled an anomaly is among those to train on", "with a `train_split` of 0.9 they are"),
    ([42, 43, 44], [37], "4 rows that are labelled anomalies are among", "with a `train_split` of 0.7 they are"),
    ([5, 45], [], "2 rows that are labelled", "they come too early for that"),
]


@pytest.mark.parametrize(("first", "second", "what", "then"), LABELLED)
def test_labels_that_no_figure_will_know_of_are_told_with_what_to_do(
    first: list[int], second: list[int], what: str, then: str
):
    rows, series = np.arange(100), np.arange(100) % 2
    anomalies = np.zeros(100, bool)
    anomalies[[2 * row for row in first] + [2 * row + 1 for row in second]] = True
    times = 1000.0 - rows
    flipped = anomalies[::-1]
    for labels, at, of in ((anomalies, None, series), (flipped, times, series[::-1].copy())):
        parts = split_series(at, of.astype(np.int64), 0.95, labelled=True)
        (told,) = not_held_back(labels, parts, at, of.astype(np.int64))
        assert what in told
        assert told.endswith(then)
    parts = split_series(None, series.astype(np.int64), 0.5, labelled=True)
    assert not_held_back(anomalies, parts, None, series.astype(np.int64)) == []
    assert not_held_back(np.zeros(100, bool), parts, None, series.astype(np.int64)) == []
