"""By which formats the cells of a column are numbers, whatever comes first and in whatever pieces."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from datasets.tables.cells import number_of
from datasets.tables.number_counting import GLANCE_ROWS
from datasets.tables.profile import ColumnProfile, TableProfile
from datasets.tables.schema import Column, ColumnType, NumberFormat
from datasets.tables.warnings import column_warnings, table_warnings
from tests.datasets.tables.made import profiled

COMMA, THOUSANDS = NumberFormat.DECIMAL_COMMA, NumberFormat.THOUSANDS_COMMA

_FOUND: list[tuple[list[str], NumberFormat | None]] = [
    (["12,5", "7"], COMMA),
    (["1.234,50", "12,00", "-3"], COMMA),
    (["0,125", "1,234"], COMMA),
    (["1.234.567", "1.234"], COMMA),
    (["1,234.50", "12.5", "1,234,567"], THOUSANDS),
    (["1,234,567", "1,234"], THOUSANDS),
    (["1'234.50", "7"], THOUSANDS),
    (["1 234", "1\xa0234,5", "1\u202f234"], COMMA),
    (["1.5", "1234"], None),
    (["1.234", "999"], None),
]


def found_in(cells: list[str], folder: Path, part_rows: int = 7) -> ColumnProfile:
    folder.mkdir(exist_ok=True)
    return profiled({"x": cells, "y": ["1"] * len(cells)}, folder, part_rows).of("x")


def numbers_of(cells: list[str], number_format: NumberFormat | None) -> list[float]:
    return [number for cell in cells if (number := number_of(cell, number_format)) is not None]


def codes(column: ColumnProfile, rows: int = 1_000) -> set[str]:
    return {warning.code for warning in column_warnings(column, rows)} - {"identifier"}


@pytest.mark.parametrize(("cells", "number_format"), _FOUND)
def test_the_format_is_what_all_cells_have(cells: list[str], number_format: NumberFormat | None, tmp_path: Path):
    rows = cells * 20
    found = found_in(rows, tmp_path)
    assert found.column == Column("x", ColumnType.NUMBER, number_format=number_format)
    numbers = numbers_of(rows, number_format)
    assert (found.summary.least, found.summary.most) == (min(numbers), max(numbers))
    assert found.summary.mean == pytest.approx(sum(numbers) / len(numbers))
    assert sum(found.summary.bins) == len(rows)
    assert codes(found) == set()


@pytest.mark.parametrize("cells", [["1,234", "12"], ["1,234", "1.234"], ["1.234", "1 234", "1,234"]])
def test_numbers_that_two_formats_read_differently_are_told_and_not_guessed(cells: list[str], tmp_path: Path):
    found = found_in(cells * 20, tmp_path)
    assert (found.column.type, set(found.numbers)) == (ColumnType.CATEGORY, {COMMA, THOUSANDS})
    assert codes(found) == {"ambiguous_numbers"}
    [warning] = column_warnings(found, 1_000)
    assert "the format 1.234,5 or 1,234.5" in warning.message
    assert column_warnings(found, 1_000, is_said=True) == []
    for number_format in NumberFormat:
        read = found.read_as(Column("x", ColumnType.NUMBER, number_format=number_format))
        numbers = numbers_of(cells, number_format)
        assert (read.summary.least, read.summary.most) == (min(numbers), max(numbers))
        assert sum(read.summary.bins) == len(cells) * 20


@pytest.mark.parametrize("cells", [["12,5", "13.7"], ["1.234,5", "1,234.5"], ["12,5", "3 €"], ["1 234.5", "1,5"]])
def test_mixtures_of_formats_are_words_and_told(cells: list[str], tmp_path: Path):
    for number, rows in enumerate((cells * 20, [cells[0]] * 30 + [cells[1]] * 30, [cells[1]] * 30 + [cells[0]] * 30)):
        found = found_in(rows, tmp_path / str(number))
        assert (found.column.type, found.numbers) == (ColumnType.CATEGORY, {})
        assert codes(found) == {"numbers_otherwise"}


@pytest.mark.parametrize("place", [0, 30, 97])
def test_a_few_words_among_decimal_commas_are_told_with_their_row(place: int, tmp_path: Path):
    rows = [f"{n},5" for n in range(100)]
    rows[place] = "ERR"
    found = found_in(rows, tmp_path, part_rows=50)
    [warning] = [warning for warning in column_warnings(found, 100) if warning.code == "mostly_numbers"]
    assert f"1 cell is none, the first in row {place + 1}: 'ERR'" in warning.message


def test_what_comes_late_counts_as_what_comes_first(tmp_path: Path):
    plain = [str(n) for n in range(3 * GLANCE_ROWS)]
    for number, (late, number_format) in enumerate([("1,5", COMMA), ("1.234.567", COMMA), ("1,234.5", THOUSANDS)]):
        for rows in ([*plain, late], [late, *plain]):
            folder = tmp_path / f"{number} {rows[0]}"
            assert found_in(rows, folder, GLANCE_ROWS + 9).column.number_format is number_format
    assert found_in([*plain, "1,5", "2.5"], tmp_path / "both", 100).column.type is not ColumnType.NUMBER


_SOME = [
    "7",
    "-12",
    "3.5",
    "12,5",
    "0,125",
    "1.234",
    "1,234",
    "1 234",
    "1.234,5",
    "1,234.5",
    "1e3",
    "1.234.567",
    "",
    "-",
]


@pytest.mark.parametrize("seed", range(40))
def test_any_cells_have_the_formats_by_which_each_can_be_read(seed: int, tmp_path: Path):
    chosen = random.Random(seed)
    cells = chosen.choices(chosen.sample(_SOME, chosen.randint(1, 4)), k=60)

    def numbers(number_format: NumberFormat | None) -> list[float | None] | None:
        try:
            return [number_of(cell, number_format) for cell in cells]
        except ValueError:
            return None

    read = {number_format: there for number_format in (None, *NumberFormat) if (there := numbers(number_format))}
    found = found_in(cells, tmp_path, chosen.choice([1, 7, 60]))
    if not any(cell not in ("", "-") for cell in cells):
        assert found.numbers == {}
        return
    assert set(found.numbers) == set(read) - {None}
    is_ambiguous = None not in read and len(read) == 2 and read[COMMA] != read[THOUSANDS]
    assert (found.column.type is ColumnType.NUMBER) == (bool(read) and not is_ambiguous)
    assert found.is_ambiguous == is_ambiguous
    if found.column.type is ColumnType.NUMBER:
        for number_format, there in read.items():
            told = found.read_as(Column("x", ColumnType.NUMBER, number_format=number_format)).summary
            known = [number for number in there if number is not None]
            assert (told.least, told.most) == (min(known), max(known)), number_format


def test_points_beside_columns_of_decimal_commas_are_read_as_ever_and_told(tmp_path: Path):
    columns = {"price": ["1.234", "12.500"] * 20, "share": ["0,5", "0,25"] * 20, "count": ["7", "8"] * 20}
    profile = profiled(columns, tmp_path)
    assert [c.column.number_format for c in profile.columns] == [None, COMMA, None]
    told = {c.column.name: [warning.code for warning in found] for c, found in table_warnings(profile)}
    assert told == {"price": ["ambiguous_numbers"], "share": [], "count": []}
    assert all(not found for _, found in table_warnings(profile, {"price"}))
    read = profile.of("price").read_as(Column("price", ColumnType.NUMBER, number_format=COMMA))
    assert (read.summary.least, read.summary.most) == (1234, 12500)
    (tmp_path / "alone").mkdir()
    alone = profiled({"price": columns["price"], "count": columns["count"]}, tmp_path / "alone")
    assert all(not found for _, found in table_warnings(alone))


def test_a_profile_with_formats_comes_back_from_its_bytes(tmp_path: Path):
    columns = {"a": ["1,5"] * 9, "b": ["1,234"] * 9, "c": ["1.234"] * 9, "d": ["x"] * 9}
    profile = profiled(columns, tmp_path)
    assert TableProfile.from_bytes(profile.to_bytes()) == profile
