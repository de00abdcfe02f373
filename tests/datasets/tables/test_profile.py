from __future__ import annotations

import math
import random
import re
import statistics
from collections.abc import Sequence
from pathlib import Path

import pytest

from datasets.tables import counting
from datasets.tables.profile import TableProfile, Unreadable
from datasets.tables.schema import Column, ColumnType, DateFormat
from datasets.tables.warnings import column_warnings
from tests.datasets.tables.made import profiled

_ROWS = 40
_DAYS = [f"{day:02}" for day in range(1, 21)] * 2
_CASES: dict[str, tuple[Sequence[str | None], ColumnType, DateFormat | None]] = {
    "numbers": ([f" {n / 4} " for n in range(_ROWS)], ColumnType.NUMBER, None),
    "with gaps": (["1", "NA", "?", "-", "", None, "2e3", " 7."] * 5, ColumnType.NUMBER, None),
    "iso": ([f"2024-02-{day}T10:00Z" for day in _DAYS], ColumnType.DATE, None),
    "dots": ([f"{int(day)}.2.2024" for day in _DAYS], ColumnType.DATE, DateFormat.DAY_DOTS),
    "day first": ([f"{day}/02/2024" for day in _DAYS], ColumnType.DATE, DateFormat.DAY_SLASHES),
    "month first": ([f"02/{day}/2024" for day in _DAYS], ColumnType.DATE, DateFormat.MONTH_SLASHES),
    "either": (["01/02/2024", "03/04/2024"] * 20, ColumnType.CATEGORY, None),
    "truths": (["True", "false", "TRUE", "null"] * 10, ColumnType.CATEGORY, None),
    "nothing": (["", "n/a", None, "-"] * 10, ColumnType.TEXT, None),
    "infinite": (["1", "inf"] * 20, ColumnType.CATEGORY, None),
    "mistaken": (["1.5", "2"] * 19 + ["3", "x"], ColumnType.CATEGORY, None),
    "free text": ([f"no {n} of many" for n in range(_ROWS)], ColumnType.TEXT, None),
    "id": ([str(1000 - n) for n in range(_ROWS)], ColumnType.NUMBER, None),
    "same": (["x"] * _ROWS, ColumnType.CATEGORY, None),
}


@pytest.fixture(scope="module")
def profile(tmp_path_factory) -> TableProfile:
    return profiled({name: cells for name, (cells, _, _) in _CASES.items()}, tmp_path_factory.mktemp("parts"))


@pytest.mark.parametrize("name", list(_CASES))
def test_the_type_of_a_column_is_what_all_its_cells_are(name: str, profile: TableProfile):
    _, kind, date_format = _CASES[name]
    assert profile.of(name).column == Column(name, kind, date_format)


def test_numbers_are_summed_up(profile: TableProfile):
    found, numbers = profile.of("numbers"), [n / 4 for n in range(_ROWS)]
    assert (found.missing, found.distinct, found.distinct_is_exact) == (0, _ROWS, True)
    summary = found.summary
    assert (summary.least, summary.most, summary.mean) == (0, 9.75, pytest.approx(statistics.mean(numbers)))
    assert summary.quantiles[3] in (statistics.median_low(numbers), statistics.median_high(numbers))
    assert summary.bins == (2,) * 20
    assert (summary.whole, summary.rising) == (False, True)
    gaps = profile.of("with gaps")
    assert (gaps.missing, gaps.distinct, gaps.values[0]) == (25, 3, ("1", 5))
    assert sum(gaps.summary.bins) == 15


def test_dates_are_summed_up_as_days(profile: TableProfile):
    for name in ("dots", "day first", "month first"):
        summary = profile.of(name).summary
        assert summary.most - summary.least == 19
        assert sum(summary.bins) == _ROWS


def test_the_most_frequent_values_are_counted(profile: TableProfile):
    assert profile.of("truths").values == (("true", 20), ("false", 10))
    assert profile.of("truths").values_are_all


def test_what_keeps_a_column_from_being_numbers_is_known(profile: TableProfile):
    assert profile.of("mistaken").unreadable[ColumnType.NUMBER] == Unreadable(40, "x", 1)
    assert profile.of("infinite").unreadable[ColumnType.NUMBER] == Unreadable(2, "inf")
    assert profile.of("numbers").unreadable[ColumnType.DATE].row == 1


def test_warnings_say_what_is_odd_about_a_column(profile: TableProfile):
    codes = {c.column.name: [w.code for w in column_warnings(c, profile.rows)] for c in profile.columns}
    assert {name: found for name, found in codes.items() if found} == {
        "either": ["ambiguous_dates"],
        "nothing": ["mostly_missing"],
        "free text": ["identifier"],
        "id": ["identifier"],
        "mistaken": ["mostly_numbers"],
        "infinite": ["numbers_otherwise"],
        "same": ["constant"],
    }
    (mistaken,) = column_warnings(profile.of("mistaken"), profile.rows)
    assert "1 cell is none, the first in row 40: 'x'" in mistaken.message


def test_a_profile_comes_back_from_its_bytes_as_it_was(profile: TableProfile):
    assert TableProfile.from_bytes(profile.to_bytes()) == profile
    with pytest.raises(ValueError, match="EOFError"):
        TableProfile.from_bytes(profile.to_bytes()[:-20])


@pytest.mark.parametrize(
    "cells",
    [
        ["1,5", "-2.25", "300"],
        ["1,234.50", "1.234,50"],
        ["50%", "12.5 %"],
        ["€ 1.200", "EUR 3", "12,50 €", "$5"],
        ["\u22123.5", "20 °C"],
        ["1", "inf", "-Infinity"],
    ],
)
def test_numbers_that_are_written_otherwise_are_told_and_no_identifiers(cells: list[str], tmp_path: Path):
    # Where all are different they would look like identifiers.
    for rows in ([*cells, *(f"{n},5" for n in range(400, 430))], cells * 9):
        folder = tmp_path / str(len(rows))
        folder.mkdir()
        found = profiled({"x": rows, "y": ["1"] * len(rows)}, folder).of("x")
        [warning] = column_warnings(found, len(rows))
        assert warning.code == "numbers_otherwise"
        first = next(number for number, cell in enumerate(cells, 1) if re.search(r"[^0-9.-]", cell))
        assert f"row {first} holds {cells[first - 1]!r}" in warning.message


@pytest.mark.parametrize("cells", [["a,5", "b"], ["1.2.3", "1.2.4"], ["3 kids", "2"], ["12:30", "1:15"], ["A4", "5"]])
def test_words_with_digits_are_no_numbers_written_otherwise(cells: list[str], tmp_path: Path):
    found = profiled({"x": cells * 20, "y": ["1", "2"] * 20}, tmp_path).of("x")
    assert (found.otherwise, column_warnings(found, 40)) == (None, [])


def test_more_values_than_are_counted_are_said_to_be_more(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(counting, "MOST_DISTINCT", 50)
    many = [f"w{n}" for n in range(60)] + ["w3", "w55", "w3"]
    found = profiled({"many": many, "b": ["1"] * 63}, tmp_path).of("many")
    assert (found.distinct, found.distinct_is_exact, found.column.type) == (50, False, ColumnType.TEXT)
    assert (found.values[0], found.repeats, found.values_are_all) == (("w3", 3), True, False)


def test_quantiles_of_many_rows_are_near_and_extremes_exact(tmp_path: Path, monkeypatch):
    draw = random.Random(3)
    numbers = [draw.gauss(0, 1) for _ in range(20_000)]
    monkeypatch.setattr("datasets.tables.profiling.MOST_SAMPLED_ROWS", 4000)
    summary = profiled({"x": map(repr, numbers), "y": ["a"] * 20_000}, tmp_path, 3001).of("x").summary
    assert (summary.least, summary.most) == (min(numbers), max(numbers))
    assert summary.quantiles[3] == pytest.approx(0, abs=0.1)
    assert summary.quantiles[5] == pytest.approx(1.645, abs=0.15)


def test_the_largest_numbers_have_a_profile(tmp_path: Path):
    found = profiled({"x": ["1e308", "-1e308", "5e-324", "0"], "y": ["5e-324", "0", "", ""]}, tmp_path)
    assert sum(found.of("x").summary.bins) == 4
    assert sum(found.of("y").summary.bins) == 2
    assert math.isfinite(found.of("x").summary.mean)
