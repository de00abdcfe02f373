from __future__ import annotations

import pytest

from datasets.series.settings import SeriesSettings
from datasets.tables.profile import TableProfile
from datasets.tables.schema import ColumnType, DateFormat
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
