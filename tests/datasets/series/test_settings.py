from __future__ import annotations

from pathlib import Path

import pytest

from datasets.series.settings import SeriesSettings
from datasets.tables.profile import TableProfile
from datasets.tables.schema import ColumnType, DateFormat, NumberFormat
from datasets.tables.settings import TypeWish
from tests.datasets.tables.made import profiled
from utils import InvalidInput

_ROWS = 50


@pytest.fixture(scope="module")
def profile(tmp_path_factory) -> TableProfile:
    columns = {
        "At": [f"2024-01-02T00:00:{n:02}Z" for n in range(_ROWS)],
        "Tick": [str(n) for n in range(_ROWS)],
        "Machine": ["a", "b"] * (_ROWS // 2),
        "Flow": [f"{n % 7}.5" for n in range(_ROWS)],
        "Fault": ["0.0", "1.0"] * (_ROWS // 2),
        "Words": ["Normal", "anomaly", ""] * (_ROWS // 3) + ["normal", ""],
        "Until": ["01/02/2024", "03/04/2024"] * (_ROWS // 2),
        "Empty": [""] * _ROWS,
    }
    return profiled(columns, tmp_path_factory.mktemp("parts"), part_rows=20)


_WRONG = [
    ({"time": "at"}, "time", "no column 'at': do you mean 'At'"),
    ({"series": "machin"}, "series", "do you mean 'Machine'"),
    ({"ignored": ("flo",)}, "ignored", "do you mean 'Flow'"),
    ({"types": {"Tik": TypeWish(ColumnType.TEXT)}}, "types", "do you mean 'Tick'"),
    ({"time": "Machine"}, "time", "'Machine' says no times: row 1 holds 'a': wanted dates by ISO 8601 or seconds"),
    ({"time": "Until"}, "time", "its dates have the format DD/MM/YYYY or MM/DD/YYYY: say which in `types`"),
    ({"time": "Empty"}, "time", "it has no value"),
    ({"label": "Machine"}, "label", "'Machine' holds 'a', 'b': wanted 0 or 1, false or true, normal or anomaly"),
    ({"label": "Tick"}, "label", "'Tick' holds "),
    ({"label": "Empty"}, "label", "'Empty' has no value"),
    ({"time": "At", "ignored": ("At",)}, "ignored", "'At' is the time column, which cannot be ignored"),
    ({"time": "Tick", "series": "Tick"}, "series", "'Tick' is the time column already"),
]


@pytest.mark.parametrize(("fields", "where", "why"), _WRONG)
def test_settings_that_do_not_fit_to_the_rows_are_refused(fields, where: str, why: str, profile: TableProfile):
    with pytest.raises(InvalidInput) as raised:
        SeriesSettings(**fields).check(profile)
    (error,) = raised.value.errors
    assert error["field"] == where
    assert why in error["message"]


def test_settings_that_fit_make_a_schema_and_come_back_from_the_database(profile: TableProfile):
    until = TypeWish(ColumnType.DATE, DateFormat.MONTH_SLASHES)
    settings = SeriesSettings("Until", "Machine", "Fault", ("Tick",), {"Until": until})
    settings.check(profile)
    assert SeriesSettings.of(settings.to_row()) == settings
    schema = settings.schema(column.column for column in profile.columns)
    assert schema.sensors == ("Flow",)
    roles = {column.name: settings.role_of(column) for column in schema.columns}
    assert roles == {
        "At": "text", "Tick": "ignored", "Machine": "series", "Flow": "sensor", "Fault": "label", "Words": "text",
        "Until": "time", "Empty": "text",
    }  # fmt: skip
    assert settings.kept(["Flow", "Fault"]) == SeriesSettings(label="Fault")


@pytest.mark.parametrize("label", ["Fault", "Words"])
def test_labels_are_numbers_or_words_in_any_case(label: str, profile: TableProfile):
    SeriesSettings(label=label).check(profile)


def test_the_only_column_of_dates_is_the_time_until_somebody_says_otherwise(profile: TableProfile):
    assert SeriesSettings.begin(profile).time == "At"


def test_what_looks_like_a_label_is_no_sensor_until_somebody_says_otherwise(profile: TableProfile, tmp_path_factory):
    assert SeriesSettings.begin(profile).label == "Fault"
    two = {"v": ["1.5", "2.5"], "changepoint": ["0", "1"], "anomaly": ["0.0", "1.0"], "fault rate": ["0", "7"]}
    begun = SeriesSettings.begin(profiled(two, tmp_path_factory.mktemp("two")))
    assert (begun.label, begun.ignored) == ("anomaly", ("changepoint",))
    none = {"v": ["1.5", "2.5"], "valve": ["0", "1"], "fault": ["none", "leak"]}
    assert SeriesSettings.begin(profiled(none, tmp_path_factory.mktemp("none"))) == SeriesSettings()


CLOCKS = {
    "seconds": [str(1_700_000_000 + number) for number in range(40)],
    "milliseconds in any order": [str(1_700_000_000_000 + 7 * number % 40) for number in range(40)],
    "since the start": [str(number / 2) for number in range(40)],
}


@pytest.mark.parametrize("cells", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize("name", ["datetime", "Timestamp", "time (s)", "unix time", "epoch_ms", "at"])
def test_a_clock_says_when_where_there_are_no_dates(name: str, cells: list[str], tmp_path):
    columns = {name: cells, "cycle time": [str(number) for number in range(40)], "v": ["1.5", "2.5"] * 20}
    assert SeriesSettings.begin(profiled(columns, tmp_path)) == SeriesSettings(time=name)


def test_numbers_that_are_called_a_time_and_go_up_and_down_are_none(tmp_path):
    columns = {"time": ["3", "9", "5"] * 10, "v": ["1.5", "2.5", "2"] * 10}
    assert SeriesSettings.begin(profiled(columns, tmp_path)) == SeriesSettings()


def test_of_dates_and_a_clock_the_clock_is_ignored_and_of_two_clocks_neither_is_taken(tmp_path):
    clock = [str(1_700_000_000 + number) for number in range(40)]
    dates = [f"2024-01-01T00:00:{number:02}Z" for number in range(40)]
    one = profiled({"at": dates, "epoch": clock}, made(tmp_path / "one"))
    assert SeriesSettings.begin(one) == SeriesSettings(time="at", ignored=("epoch",))
    two = profiled({"time": clock, "epoch": clock}, made(tmp_path / "two"))
    assert SeriesSettings.begin(two) == SeriesSettings()


def test_a_label_with_other_words_in_it_is_neither_learned_from_nor_outdone_by_a_worse_one(tmp_path):
    columns = {"v": ["1.5", "2.5"] * 20, "changepoint": ["0", "1"] * 20, "anomaly": ["0", "2"] * 20}
    begun = SeriesSettings.begin(profiled(columns, tmp_path))
    assert (begun.label, set(begun.ignored)) == (None, {"changepoint", "anomaly"})


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_labels_and_clocks_may_have_decimal_commas(tmp_path):
    columns = {"time": [f"{n},5" for n in range(40)], "fault": ["0,0", "1,0"] * 20, "v": ["1,5", "2,5"] * 20}
    profile = profiled(columns, tmp_path)
    begun = SeriesSettings.begin(profile)
    assert (begun.time, begun.label) == ("time", "fault")
    begun.check(profile)
    assert begun.schema(column.column for column in profile.columns).sensors == ("v",)


def test_a_clock_whose_commas_nobody_understands_is_no_time_until_somebody_says_so(tmp_path):
    profile = profiled({"tick": [f"{n},000" for n in range(1, 41)], "v": ["1,5", "2,5"] * 20}, tmp_path)
    with pytest.raises(InvalidInput, match=r"format 1\.234,5 or 1,234\.5: say which in `types`"):
        SeriesSettings(time="tick").check(profile)
    wish = TypeWish(ColumnType.NUMBER, number_format=NumberFormat.THOUSANDS_COMMA)
    SeriesSettings(time="tick", types={"tick": wish}).check(profile)
