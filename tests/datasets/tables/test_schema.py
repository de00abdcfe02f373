from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from datasets.tables.schema import Column, ColumnType, DateFormat, NumberFormat, TableDataset, TableSchema, Task

_COLUMNS = (
    Column("id", ColumnType.TEXT),
    Column("größe, cm", ColumnType.NUMBER),
    Column("patient", ColumnType.CATEGORY),
    Column("since", ColumnType.DATE, DateFormat.DAY_DOTS),
    Column("site", ColumnType.CATEGORY),
    Column("ill", ColumnType.CATEGORY),
)
_SCHEMA = TableSchema(_COLUMNS, "ill", frozenset(["site"]), "patient")


def test_features_are_all_but_target_ignored_group_and_text():
    assert [column.name for column in _SCHEMA.features] == ["größe, cm", "since"]
    assert _SCHEMA.features_of(ColumnType.DATE) == (_COLUMNS[3],)
    assert _SCHEMA.target_column == _COLUMNS[5]


def test_columns_of_earlier_versions_are_read_and_their_digests_stay():
    old = {"name": "größe, cm", "type": "number", "date_format": None}
    assert Column.of(old) == _COLUMNS[1]
    assert _COLUMNS[1].as_fields() == old
    comma = Column("size", ColumnType.NUMBER, number_format=NumberFormat.DECIMAL_COMMA)
    assert Column.of(json.loads(json.dumps(comma.as_fields()))) == comma
    assert Column.of(asdict(comma)) == comma
    assert comma.as_read() == {"type": "number", "date_format": None, "number_format": "1.234,5"}


def test_a_dataset_comes_back_from_its_file_as_it_was(tmp_path: Path):
    paths = (Path("/data/a b.parquet"), Path("/data/ü.parquet"))
    for schema, classes in ((_SCHEMA, ("no", 'y"es')), (TableSchema(_COLUMNS, "ill"), ())):
        dataset = TableDataset(
            "tabular", schema, Task.CLASSIFICATION, classes, *paths, "digest", val_is_train=True,
            train_rows=8, val_rows=8, test_rows=0,
        )  # fmt: skip
        dataset.write(tmp_path / "dataset.json")
        assert TableDataset.read(tmp_path / "dataset.json") == dataset
