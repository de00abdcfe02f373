from __future__ import annotations

import pytest

from datasets.tables.profile import TableProfile
from datasets.tables.schema import Column, ColumnType, DateFormat, NumberFormat, Task
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
        "Rent": [f"1.{n:03},5" for n in range(_ROWS)],
        "Toll": ["1,234", "2,000"] * (_ROWS // 2),
        "Tax": ["1.234", "2.500"] * (_ROWS // 2),
    }
    return profiled(columns, tmp_path_factory.mktemp("parts"), part_rows=20)


COMMA = TypeWish(ColumnType.NUMBER, number_format=NumberFormat.DECIMAL_COMMA)
THOUSANDS = TypeWish(ColumnType.NUMBER, number_format=NumberFormat.THOUSANDS_COMMA)
COMMAS = ("Rent", "Toll", "Tax")
_WRONG = [
    ({"target": "age"}, "target", "no column 'age': do you mean 'Age'?"),
    ({"target": "zzzz"}, "target", "no column 'zzzz': it has 'Age', 'Price', 'Rooms', 'Town', 'Mixed' and 7 more"),
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
    ({"types": {"Rent": TypeWish(ColumnType.NUMBER)}}, "types", "say which number_format it has: 1.234,5"),
    ({"types": {"Toll": TypeWish(ColumnType.NUMBER)}}, "types", "which number_format it has: 1.234,5 or 1,234.5"),
    ({"types": {"Rent": THOUSANDS}}, "types", "not all written as 1,234.5: row 1 holds '1.000,5'"),
    ({"types": {"Price": COMMA}}, "types", "not all written as 1.234,5: row 1 holds '0.5'"),
    ({"types": {"Town": COMMA}}, "types", "not all written as 1.234,5: row 1 holds 'a'"),
    ({"types": {"Town": TypeWish(ColumnType.TEXT, number_format=NumberFormat.DECIMAL_COMMA)}}, "types", "number only"),
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
    assert [column.name for column in schema.features] == ["Price", "Rooms", "Mixed", "Since", "Until", *COMMAS]
    assert schema.features[-1 - len(COMMAS)] == Column("Until", ColumnType.DATE, DateFormat.MONTH_SLASHES)
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


def test_a_format_of_numbers_is_taken_where_every_cell_has_it(profile: TableProfile):
    wishes = {"Rent": COMMA, "Toll": COMMA, "Tax": COMMA, "Age": COMMA, "Empty": COMMA, "Price": THOUSANDS}
    settings = TableSettings(target="Tax", types=wishes)
    settings.check(profile)
    assert TableSettings.of(settings.to_row()) == settings
    read = {column.name: column.number_format for column in settings.columns(c.column for c in profile.columns)}
    assert {name for name, number_format in read.items() if number_format} == set(wishes)
    # Of 1.234 and 2.500 with a point for decimals one has a fraction; with points between thousands none has.
    assert (task_of(TableSettings(target="Tax"), profile.of("Tax")), task_of(settings, profile.of("Tax"))) == (
        Task.REGRESSION,
        Task.CLASSIFICATION,
    )


def test_settings_of_earlier_versions_are_read():
    row = {**TableSettings().to_row(), "types": [{"name": "a", "type": "number", "date_format": None}]}
    assert TableSettings.of(row).types == {"a": TypeWish(ColumnType.NUMBER)}
