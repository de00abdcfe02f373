from __future__ import annotations

import random
from collections import Counter

import polars as pl
import pytest

from datasets.tables.schema import LEFT_OUT_PART, TEST_PART, TRAIN_PART, VAL_PART
from datasets.tables.split import split_as_given, split_rows
from utils import InvalidInput


def _text(cells) -> pl.Series:
    return pl.Series(cells, dtype=pl.String)


def test_every_class_is_split_in_the_same_proportion():
    target = _text(["a"] * 800 + ["b"] * 150 + ["c"] * 50)
    parts = split_rows(target, None, 0.8, 1, stratify=True)
    assert Counter(zip(target, parts.tolist(), strict=True)) == {
        ("a", 0): 640, ("a", 1): 160, ("b", 0): 120, ("b", 1): 30, ("c", 0): 40, ("c", 1): 10
    }  # fmt: skip


def test_the_split_follows_the_seed_and_stays_what_it_is():
    target = _text(["a", "b"] * 50)
    parts = split_rows(target, None, 0.8, 3, stratify=True)
    assert (parts == split_rows(target, None, 0.8, 3, stratify=True)).all()
    assert (parts != split_rows(target, None, 0.8, 4, stratify=True)).any()
    # Records of jobs rely on it from version to version.
    held_back = [1, 6, 11, 14, 19, 23, 24, 26, 29, 30, 32, 35, 52, 55, 70, 75, 76, 77, 89, 92]
    assert [row for row, part in enumerate(parts) if part == VAL_PART] == held_back


def test_numbers_are_split_as_a_whole():
    parts = split_rows(pl.Series([float(n) for n in range(1000)]), None, 0.7, 5, stratify=False)
    assert Counter(parts.tolist()) == {TRAIN_PART: 700, VAL_PART: 300}


def test_rows_without_a_target_go_nowhere():
    target = _text(["a", None, "b"] * 40)
    parts = split_rows(target, None, 0.75, 1, stratify=True)
    assert all((part == LEFT_OUT_PART) == (cell is None) for cell, part in zip(target, parts, strict=True))
    assert Counter(parts.tolist()) == {TRAIN_PART: 60, VAL_PART: 20, LEFT_OUT_PART: 40}
    assert (split_rows(_text([None] * 3), None, 0.8, 1, stratify=True) == LEFT_OUT_PART).all()


@pytest.mark.parametrize("stratify", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_a_group_is_never_on_both_sides(stratify: bool, seed: int):
    draw = random.Random(seed)
    groups = [draw.choice([None, *(f"g{n}" for n in range(40))]) for _ in range(1000)]
    cells = [draw.choice("aaab") if stratify else draw.random() for _ in groups]
    parts = split_rows(pl.Series(cells), _text(groups), 0.8, seed, stratify)
    sides: dict[str, set[int]] = {}
    for group, part in zip(groups, parts.tolist(), strict=True):
        sides.setdefault(group or "none", set()).add(part)
    assert all(len(found) == 1 for name, found in sides.items() if name != "none")
    assert 120 <= (parts == VAL_PART).sum() <= 280
    if stratify:
        shares = Counter(cell for cell, part in zip(cells, parts, strict=True) if part == VAL_PART)
        assert 0.1 < shares["b"] / shares["a"] < 0.7


def test_the_order_of_rows_does_not_move_groups():
    groups, cells = [f"g{n % 30}" for n in range(300)], ["ab"[n % 2] for n in range(300)]
    parts = split_rows(_text(cells), _text(groups), 0.8, 1, stratify=True)
    turned = split_rows(_text(cells[::-1]), _text(groups[::-1]), 0.8, 1, stratify=True)
    assert {g for g, p in zip(groups, parts, strict=True) if p} == {
        g for g, p in zip(groups[::-1], turned, strict=True) if p
    }


def test_a_class_that_one_group_has_is_trained_on():
    groups = _text([f"g{n // 10}" for n in range(100)])
    target = _text(["rare" if n // 10 == 3 else "usual" for n in range(100)])
    for seed in range(10):
        parts = split_rows(target, groups, 0.5, seed, stratify=True)
        assert all(parts[30:40] == TRAIN_PART)
        assert (parts == VAL_PART).any()


def test_of_few_rows_one_is_held_back_where_that_is_possible():
    for seed in range(5):
        parts = split_rows(_text(["a"] * 5 + ["b"]), None, 0.95, seed, stratify=True)
        assert (parts == VAL_PART).sum() == 1
        assert parts[5] == TRAIN_PART
    assert (split_rows(_text(["a", "b"]), None, 0.5, 1, stratify=True) == TRAIN_PART).all()
    assert (split_rows(_text(["a"] * 9), _text(["g"] * 9), 0.8, 1, stratify=True) == TRAIN_PART).all()


def _given(words: list[str | None], target: list[str | None], seed: int = 1) -> list[int]:
    return split_as_given(_text(words), _text(target), None, 0.8, seed, stratify=True).tolist()


def test_a_column_says_which_part_a_row_is_in():
    words, target = ["train", "Valid", "TEST", None, "train", "train"], ["a", "a", "b", "b", "b", None]
    assert _given(words, target) == [TRAIN_PART, VAL_PART, TEST_PART, TRAIN_PART, TRAIN_PART, LEFT_OUT_PART]


def test_rows_to_validate_on_are_held_back_where_the_column_names_none():
    target = ["a", "b"] * 50
    said = _given(["test"] * 20 + ["train"] * 80, target)
    assert said[:20] == [TEST_PART] * 20
    assert Counter(said[20:]) == {TRAIN_PART: 64, VAL_PART: 16}
    # Of rows that it says nothing of first.
    said = _given(["train"] * 50 + [None] * 50, target)
    assert said[:50] == [TRAIN_PART] * 50
    assert Counter(said[50:]) == {TRAIN_PART: 40, VAL_PART: 10}


def test_a_column_that_leaves_nothing_to_train_on_is_refused():
    with pytest.raises(InvalidInput, match="no row of 'b' is trained on"):
        _given(["train", "train", "test", "test", "val"], ["a", "a", "b", "b", "a"])
    with pytest.raises(InvalidInput, match="no row with a target"):
        _given(["test", "train"], ["a", None])
