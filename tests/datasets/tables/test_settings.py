from __future__ import annotations

import pytest

from datasets.tables.profile import TableProfile
from datasets.tables.schema import Column, ColumnType, DateFormat, Task
from datasets.tables.settings import TableSettings, TypeWish, task_of
from tests.datasets.tables.made import profiled
from utils import InvalidInput

_ROWS = 50


@pytest.fixture(scope="module")
def profile(tmp_path_factory) -> TableProfile:
    columns = {
        "Age": [str(n) for n in range(_ROWS)],
        "Price": [f"{n % 5}.5" for n in range(_ROWS)],
        "Rooms": [str(n % 5) for n in range(_ROWS)],
        "Town": ["a", "b"] * (_ROWS // 2),
        "Mixed": ["1"] * (_ROWS - 1) + ["x"],
        "Since": ["2024-01-02", "2024-01-03"] * (_ROWS // 2),
        "Until": ["01/02/2024", "03/04/2024"] * (_ROWS // 2),
        "Note": [f"note {n}" for n in range(_ROWS)],
        "Empty": [""] * _ROWS,
    }
    return profiled(columns, tmp_path_factory.mktemp("parts"), part_rows=20)


_WRONG = [
    ({"target": "age"}, "target", "no column 'age': do you mean 'Age'?"),
    ({"target": "zzzz"}, "target", "no column 'zzzz': it has 'Age', 'Price', 'Rooms', 'Town', 'Mixed' and 4 more"),
    ({"ignored": ("Twon",)}, "ignored", "do you mean 'Town'"),
    ({"target": "Age", "split": "Town"}, "split", "must hold train, val or test in each row, or nothing, got 'a'"),
    ({"target": "Town", "split": "Town"}, "split", "is the target or the group"),
    ({"split": "Twon"}, "split", "do you mean 'Town'"),
    ({"group": "rom"}, "group", "do you mean 'Rooms'"),
    ({"types": {"Ago": TypeWish(ColumnType.TEXT)}}, "types", "do you mean 'Age'"),
    ({"types": {"Mixed": TypeWish(ColumnType.NUMBER)}}, "types", "'Mixed' cannot be number: row 50 holds 'x'"),
    ({"types": {"Town": TypeWish(ColumnType.DATE)}}, "types", "'Town' cannot be date: row 1 holds 'a'"),
    ({"types": {"Until": TypeWish(ColumnType.DATE)}}, "types", "which date_format it has: DD/MM/YYYY or MM/DD/YYYY"),
    ({"types": {"Town": TypeWish(ColumnType.TEXT, DateFormat.DAY_DOTS)}}, "types", "goes with the type date only"),
    ({"types": {"Empty": TypeWish(ColumnType.DATE)}}, "types", "it has no value"),
    ({"target": "Age", "ignored": ("Age",)}, "ignored", "'Age' is the target, which cannot be ignored"),
    ({"target": "Age", "group": "Age"}, "group", "'Age' is the target"),
    ({"target": "Since"}, "target", "'Since' is a column of dates: wanted numbers or categories"),
    ({"target": "Mixed", "task": Task.REGRESSION}, "task", "'Mixed' is none: row 50 holds 'x'"),
    ({"task": Task.REGRESSION}, "task", "there is no target yet"),
]


@pytest.mark.parametrize(("fields", "where", "why"), _WRONG)
def test_settings_that_do_not_fit_to_the_table_are_refused(fields, where: str, why: str, profile: TableProfile):
    with pytest.raises(InvalidInput) as raised:
        TableSettings(**fields).check(profile)
    (error,) = raised.value.errors
    assert error["field"] == where
    assert why in error["message"]


def test_settings_that_fit_make_a_schema_and_come_back_from_the_database(profile: TableProfile):
    until = TypeWish(ColumnType.DATE, DateFormat.MONTH_SLASHES)
    settings = TableSettings("Town", ("Note",), {"Until": until, "Rooms": TypeWish(ColumnType.CATEGORY)}, "Age")
    settings.check(profile)
    assert TableSettings.of(settings.to_row()) == settings
    schema = settings.schema(column.column for column in profile.columns)
    assert [column.name for column in schema.features] == ["Price", "Rooms", "Mixed", "Since", "Until"]
    assert schema.features[-1] == Column("Until", ColumnType.DATE, DateFormat.MONTH_SLASHES)
    assert schema.features[1].type is ColumnType.CATEGORY
    assert TableSettings().schema([]) is None


@pytest.mark.parametrize(
    ("target", "task"),
    [("Age", "regression"), ("Price", "regression"), ("Rooms", "classification"), ("Town", "classification")],
)
def test_the_target_decides_the_task_unless_somebody_does(target: str, task: str, profile: TableProfile):
    assert task_of(TableSettings(target), profile.of(target)) == task
    assert task_of(TableSettings(target, task=Task.CLASSIFICATION), profile.of(target)) is Task.CLASSIFICATION


def test_a_target_of_numbers_that_is_read_as_a_category_is_classified(profile: TableProfile):
    settings = TableSettings("Age", types={"Age": TypeWish(ColumnType.CATEGORY)})
    assert task_of(settings, profile.of("Age")) is Task.CLASSIFICATION


def test_settings_are_kept_for_the_columns_that_a_new_table_has():
    settings = TableSettings("a", ("b", "c"), {"b": TypeWish(ColumnType.TEXT)}, "d", Task.REGRESSION)
    assert settings.kept(["a", "b", "c", "d"]) == settings
    assert settings.kept(["c"]) == TableSettings(None, ("c",))
