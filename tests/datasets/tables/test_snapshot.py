"""From a stored table to what a trainer gets."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from datasets.record import packed
from datasets.registry import TABLE
from datasets.tables.cache import TableCache
from datasets.tables.record import RecordedTable
from datasets.tables.schema import TEST_PART, VAL_PART, ColumnType, TableDataset, Task
from datasets.tables.settings import TypeWish
from datasets.tables.snapshot import missing
from storage.project import Project
from storage.store import Store
from tests.datasets.tables.made import csv_of
from tests.datasets.tables.placed import import_file, place_table
from utils import NotFound

_ROWS = 80
_COLUMNS: dict[str, list[object]] = {
    "who": [f"p{row % 20}" for row in range(_ROWS)],
    "size, cm": [("", "1.50", " 7 ", "NA")[row % 4] for row in range(_ROWS)],
    "colour": [("red", "blue", "")[row % 3] for row in range(_ROWS)],
    "kind": [("a", "b", "b", "")[row % 4] for row in range(_ROWS)],
    "price": [row * 1.5 for row in range(_ROWS)],
    "note": [f"text {row}" for row in range(_ROWS)],
}
_CONTENT = csv_of(_COLUMNS)


@pytest.fixture
def project(store: Store) -> Project:
    return store.projects.create(store.users.create("ada", b"long enough"), "things", "tabular")


@pytest.fixture
def cache(tmp_path: Path) -> TableCache:
    return TableCache(tmp_path / "cache", 10**9)


def test_a_table_becomes_a_dataset_on_disk(store: Store, project: Project, cache: TableCache, tmp_path: Path):
    place_table(store, project, _CONTENT, target="kind", group="who", ignored=("price",))
    snapshot = TABLE.capture(store, project)
    assert missing(snapshot) == []
    data = cache.split(snapshot, store.artifacts, 0.75, 1)
    assert data.notes() == ["20 rows without a value in the target are left out"]
    dataset = cache.materialise(data, store.artifacts, tmp_path)
    dataset.write(tmp_path / "dataset.json")
    dataset = TableDataset.read(tmp_path / "dataset.json")
    assert (dataset.task, dataset.classes, dataset.val_is_train) == (Task.CLASSIFICATION, ("a", "b"), False)
    assert [column.name for column in dataset.schema.features] == ["size, cm", "colour"]
    rows, parts = pl.read_parquet(dataset.path), pl.read_parquet(dataset.parts)["part"].to_list()
    expected = {name: [str(cell) or None for cell in cells] for name, cells in _COLUMNS.items()}
    assert rows.to_dict(as_series=False) == expected
    assert set(rows.dtypes) == {pl.String}
    assert (dataset.train_rows, dataset.val_rows) == (parts.count(0), parts.count(1))
    assert 10 <= dataset.val_rows <= 20
    assert not {who for who, part in zip(rows["who"], parts, strict=True) if part == 0} & {
        who for who, part in zip(rows["who"], parts, strict=True) if part == 1
    }


def test_a_column_may_say_which_rows_are_to_test_with(
    store: Store, project: Project, cache: TableCache, tmp_path: Path
):
    said = ["test" if row % 5 == 0 else "train" for row in range(_ROWS)]
    place_table(store, project, csv_of({**_COLUMNS, "said": said}), target="kind", split="said")
    snapshot = TABLE.capture(store, project)
    assert "said" not in {column.name for column in snapshot.schema.features}
    data = RecordedTable.from_bytes(cache.split(snapshot, store.artifacts, 0.75, 1).to_bytes())
    dataset = cache.materialise(data, store.artifacts, tmp_path)
    parts = pl.read_parquet(dataset.parts)["part"].to_list()
    tested = [row for row, part in enumerate(parts) if part == TEST_PART]
    assert tested == [row for row in range(_ROWS) if said[row] == "test" and _COLUMNS["kind"][row]]
    assert (dataset.test_rows, dataset.val_is_train) == (len(tested), False)
    assert dataset.val_rows == parts.count(VAL_PART) > 5


def test_what_was_unpacked_once_is_not_fetched_again(store: Store, project: Project, cache: TableCache):
    table = place_table(store, project, _CONTENT, target="kind")
    snapshot = TABLE.capture(store, project)
    path = cache.fetch(snapshot, store.artifacts)
    store.artifacts.delete(table.rows_file.id)
    assert cache.fetch(snapshot, store.artifacts) == path
    path.unlink()
    with pytest.raises(NotFound):
        cache.fetch(snapshot, store.artifacts)


def test_a_record_comes_back_from_its_bytes_as_it_was(store: Store, project: Project, cache: TableCache):
    place_table(store, project, _CONTENT, target="kind", group="who")
    data = cache.split(TABLE.capture(store, project), store.artifacts, 0.75, 1)
    content = data.to_bytes()
    again = RecordedTable.from_bytes(content)
    assert again.to_bytes() == content
    assert again.snapshot.digest() == data.snapshot.digest()
    assert (again.parts == data.parts).all()
    assert (again.classes, again.counts, again.snapshot.file) == (data.classes, data.counts, data.snapshot.file)
    for damaged in (content[:-9], b"", csv_of({"a": [1]}), packed({"format": 1})):
        with pytest.raises(ValueError, match=r"Error|Expecting|format|BadGzip"):
            RecordedTable.from_bytes(damaged)


def test_the_digest_follows_content_and_settings(store: Store, project: Project):
    digests = set()
    for content, settings in (
        (_CONTENT, {"target": "kind"}),
        (_CONTENT.replace(b"red", b"green"), {"target": "kind"}),
        (_CONTENT, {"target": "price"}),
        (_CONTENT, {"target": "price", "task": Task.CLASSIFICATION}),
        (_CONTENT, {"target": "kind", "ignored": ("who",)}),
        (_CONTENT, {"target": "kind", "group": "who"}),
        (_CONTENT, {"target": "kind", "types": {"price": TypeWish(ColumnType.TEXT)}}),
    ):
        place_table(store, project, content, **settings)
        digests.add(TABLE.capture(store, project).digest())
    assert len(digests) == 7
    place_table(store, project, _CONTENT.replace(b",", b"\t").replace(b'"size\t cm"', b'"size, cm"'), target="kind")
    assert TABLE.capture(store, project).digest() in digests


def _unready(store: Store, project: Project, columns: dict[str, Any], **settings: Any) -> dict[str, str]:
    place_table(store, project, csv_of(columns), **settings)
    return {finding.code: finding.message for finding in missing(TABLE.capture(store, project))}


def test_what_is_missing_before_a_training_is_said_in_words(store: Store, project: Project):
    assert [finding.code for finding in missing(TABLE.capture(store, project))] == ["no_table"]
    import_file(store, project, _CONTENT)
    (finding,) = missing(TABLE.capture(store, project))
    assert finding.code == "no_target"
    numbers = list(range(30))
    two = ["a", "b"] * 15
    assert _unready(store, project, {"x": numbers, "y": two}, target="y") == {}
    assert set(_unready(store, project, {"x": numbers, "y": two}, target="y", ignored=("x",))) == {"no_features"}
    assert "9 rows have a value" in _unready(store, project, {"x": numbers[:9], "y": two[:9]}, target="y")["few_rows"]
    assert "one class only, 'a'" in _unready(store, project, {"x": numbers, "y": ["a"] * 30}, target="y")["one_class"]
    same = {"x": ["5"] * 30, "z": [""] * 30, "y": two}
    assert "the same value in every row" in _unready(store, project, same, target="y")["no_features"]
    assert _unready(store, project, {**same, "z": ["a", ""] * 15}, target="y") == {}
    assert (
        "'y' is 2.5 in every row" in _unready(store, project, {"x": numbers, "y": [2.5] * 30}, target="y")["one_value"]
    )
    odd = {"x": numbers, "y": [*two[:29], "c"]}
    assert "a class with one row only: 'c'" in _unready(store, project, odd, target="y")["one_row_class"]
    groups = {"x": numbers, "y": two, "g": ["same"] * 30}
    assert set(_unready(store, project, groups, target="y", group="g")) == {"one_group"}
    many = {"x": ["a", "b"] * 1200, "y": [n // 2 for n in range(2400)]}
    message = _unready(store, project, many, target="y", task=Task.CLASSIFICATION)["too_many_classes"]
    assert "1,200 classes" in message
    assert "regression" in message
    assert _unready(store, project, many, target="y") == {}


def test_a_table_that_a_job_was_trained_on_outlives_its_replacement(store: Store, project: Project, cache: TableCache):
    first = place_table(store, project, _CONTENT, target="kind")
    job = store.jobs.create(project, {}, 1)
    store.tables.keep(first.id, job.id)
    second = place_table(store, project, _CONTENT.replace(b"red", b"green"), target="kind")
    current = store.tables.current(project.id)
    assert current
    assert (current.id, store.tables.get(first.id).id) == (second.id, first.id)
    store.tables.withdraw(project.id)
    assert store.tables.current(project.id) is None
    assert store.tables.get(first.id).rows == _ROWS
    with pytest.raises(NotFound):
        store.tables.keep(second.id, job.id)
    assert dataclasses.astuple(first.rows_file)[0] in store.tables.referenced([first.rows_file.id, second.rows_file.id])
    assert store.database["artifacts.files"].count_documents({}) == 3
    store.delete_project(project.id)
    assert store.database["tables"].count_documents({}) == 0
    assert store.database["artifacts.files"].count_documents({}) == 0
