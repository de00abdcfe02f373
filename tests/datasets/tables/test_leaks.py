from __future__ import annotations

import random

from datasets.tables.leaks import leaks_in
from datasets.tables.schema import Column, ColumnType, TableSchema, Task

_NUMBER, _CATEGORY, _DATE = ColumnType.NUMBER, ColumnType.CATEGORY, ColumnType.DATE


def _table(seed: int = 1, rows: int = 600) -> tuple[dict[str, ColumnType], list[list[str | None]]]:
    draw = random.Random(seed)
    kinds = {
        "price": _NUMBER, "cubed": _NUMBER, "noise": _NUMBER, "near": _NUMBER, "code": _CATEGORY, "town": _CATEGORY,
        "class": _CATEGORY, "score": _NUMBER, "id": _CATEGORY, "day": _DATE,
    }  # fmt: skip
    table: list[list[str | None]] = []
    for row in range(rows):
        price, chosen = draw.uniform(1, 9), draw.choice(["a", "b", "c"])
        table.append(
            [
                repr(price), repr(-(price**3)), repr(draw.random()), repr(price + draw.gauss(0, 1)), f"code {chosen}",
                draw.choice(["x", "y"]), chosen, repr("abc".index(chosen) + draw.random() / 2), f"i{row}",
                f"2024-01-{1 + int(price * 3):02}",
            ]
        )  # fmt: skip
    return kinds, table


def _schema(kinds: dict[str, ColumnType], target: str, *ignored: str) -> TableSchema:
    return TableSchema(tuple(Column(name, kind) for name, kind in kinds.items()), target, frozenset(ignored))


def test_what_goes_up_and_down_with_a_number_gives_it_away():
    kinds, rows = _table()
    found = leaks_in(_schema(kinds, "price"), Task.REGRESSION, rows)
    assert set(found) == {"cubed", "day"}
    assert "its rank correlation with the target is 1.000" in found["cubed"].message
    assert found["cubed"].code == "leaks_target"


def test_what_tells_a_class_alone_gives_it_away():
    kinds, rows = _table()
    assert set(leaks_in(_schema(kinds, "class"), Task.CLASSIFICATION, rows)) == {"code", "score"}
    assert set(leaks_in(_schema(kinds, "class", "code"), Task.CLASSIFICATION, rows)) == {"score"}


def test_a_class_that_nearly_all_rows_have_is_not_given_away_by_everything():
    kinds, rows = _table()
    rare = [[*row[:6], "a" if number % 150 else "b", *row[7:]] for number, row in enumerate(rows)]
    assert leaks_in(_schema(kinds, "class"), Task.CLASSIFICATION, rare) == {}


def test_few_rows_and_missing_cells_tell_nothing():
    kinds, rows = _table(rows=30)
    empty: list[list[str | None]] = [[None] * len(kinds)] * 30
    for task, target in ((Task.CLASSIFICATION, "class"), (Task.REGRESSION, "price")):
        assert leaks_in(_schema(kinds, target), task, rows[:8]) == {}
        assert leaks_in(_schema(kinds, target), task, empty) == {}
