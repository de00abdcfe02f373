"""What a person is told of the columns of readings before a training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from datasets.series.settings import SeriesSettings
from datasets.series.warnings import warnings
from tests.datasets.tables.made import profiled

FLOW = ["1.5", "2.5"] * 20


def told(columns: dict[str, Sequence[str]], folder: Path, settings: SeriesSettings | None = None) -> dict[str, str]:
    profile = profiled({"flow": FLOW, **columns}, folder)
    settings = settings or SeriesSettings.begin(profile)
    found = warnings(settings.schema(column.column for column in profile.columns), profile)
    return {finding.code: finding.message for finding in found}


UNREAD = [
    ("Timestamp", ["03/29/2026 11:00:00 PM"] * 40, "unread_times", "row 1 holds '03/29/2026 11:00:00 PM'"),
    ("datetime", ["2024-01-01", "2024-01-02"] * 19 + ["yesterday", ""], "unread_times", "row 39 holds 'yesterday'"),
    (
        "heat",
        [f"{n},{n}" for n in range(20)] + ["1.25"] * 20,
        "numbers_otherwise",
        "row 1 holds '0,0' and row 21 holds '1.25'",
    ),
    ("heat", ["1,234", "2,345"] * 20, "ambiguous_numbers", "the format 1.234,5 or 1,234.5"),
    ("heat", [f"{n}.5" for n in range(30)] + ["ERROR"] * 10, "mostly_numbers", "holds 'ERROR' as well"),
    ("Label", ["normal", "leak"] * 20, "unread_labels", "sounds like a label, and is none since it holds 'leak'"),
    ("anomaly", ["0", "2"] * 20, "unread_labels", "sounds like a label, and is none since it holds '2'"),
    ("read", [str(1_700_000_000 + n // 2) for n in range(40)], "looks_like_time", "'read' looks like a time"),
    ("valve", ["3"] * 40, "constant", "the sensor 'valve' has the same value in every row that has one: odd once"),
    ("spare", [""] * 40, "mostly_missing", "'spare' has no value at all"),
    ("meter", [str(n) for n in range(40)], "always_rises", "'meter' rises from row to row"),
]


@pytest.mark.parametrize(("name", "cells", "code", "words"), UNREAD)
def test_a_column_that_is_not_what_it_seems_to_be_is_told(
    name: str, cells: list[str], code: str, words: str, tmp_path: Path
):
    found = told({name: cells}, tmp_path)
    assert set(found) == {code}
    assert words in found[code]


QUIET = [
    ("machine", ["a", "b"] * 20),
    ("part", ["A1", "2"] * 20),
    ("note", ["", "cleaned, oiled"] * 20),
    ("fault current", ["0", "7"] * 20),
    ("cycle time", ["3", "9"] * 20),
]


@pytest.mark.parametrize(("name", "cells"), QUIET)
def test_nothing_is_told_of_columns_as_they_should_be(name: str, cells: list[str], tmp_path: Path):
    assert set(told({name: cells}, tmp_path)) <= {"missing_samples"}


def test_labels_and_times_among_the_sensors_are_told_whatever_else_is_the_label(tmp_path: Path):
    columns = {"changepoint": ["0", "1"] * 20, "anomaly": ["0", "1"] * 20, "time": ["9", "3"] * 20}
    found = told(columns, tmp_path, SeriesSettings(label="anomaly"))
    assert set(found) == {"looks_like_label", "looks_like_time"}
    assert "'changepoint'" in found["looks_like_label"]
