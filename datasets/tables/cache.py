"""Brings the rows of a table to the worker's disk, so that a second training unpacks nothing."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import polars as pl

from datasets.tables.columns import bare, categories, values
from datasets.tables.profiling import Parts as FrameParts
from datasets.tables.record import RecordedRows, RecordedTable, Stored
from datasets.tables.rows_file import read_frames
from datasets.tables.schema import TableDataset, Task
from datasets.tables.snapshot import LEAST_ROWS, TableSnapshot
from datasets.tables.split import split_as_given, split_rows
from datasets.tables.working import working_folder
from storage.file_cache import FileCache
from storage.files import Files
from utils import InvalidInput, some_of

_SUFFIX = "rows.parquet"


class TableCache:
    """Tables by content below `root`; past `max_bytes` the longest unused go.

    A thread sees one training through at a time, so what each asked for last is in use and stays.
    """

    def __init__(self, root: Path, max_bytes: int):
        self._root = root
        self._cache = FileCache(root, max_bytes)
        self._in_use: dict[int, set[Path]] = {}

    def fetch(self, snapshot: Stored, files: Files) -> Path:
        """Bring the rows to disk; gives a Parquet file with every column as text.

        Raises:
            NotFound: the table was replaced or deleted since the snapshot was taken: take a new one.
            DamagedFile: the stored file does not have the hash it was stored with.
        """
        file = snapshot.file
        if file is None:
            raise ValueError("there is no table in this snapshot")
        path = self._cache.path_of(file.sha256, _SUFFIX)
        self._in_use[threading.get_ident()] = {path}
        if path.exists():
            os.utime(path)
        else:
            packed = self._cache.fetch(files, file.id, file.sha256, "csv.gz")
            with working_folder(self._root / "unpacking") as folder:
                _unpack(packed, path, folder)
            packed.unlink(missing_ok=True)
        self._cache.evict(keep=set().union(*list(self._in_use.values())))
        return path

    def bring(self, data: RecordedRows[Any], files: Files, folder: Path) -> tuple[Path, Path]:
        """The rows on disk, and a file of the part of each; as `fetch`.

        Args:
            folder: where the file of the parts goes.
        """
        path, parts = self.fetch(data.snapshot, files).absolute(), folder.absolute() / "parts.parquet"
        pl.DataFrame({"part": pl.Series(data.parts, dtype=pl.UInt8)}).write_parquet(parts)
        return path, parts

    def split(self, snapshot: TableSnapshot, files: Files, train_fraction: float, seed: int) -> RecordedTable:
        """Split the rows; as `fetch`.

        Raises:
            InvalidInput: a class has one row only, or there is one class only.
        """
        schema, task = snapshot.schema, snapshot.task
        if schema is None or task is None:
            raise ValueError("there is no target in this snapshot")
        is_class = task is Task.CLASSIFICATION
        read = categories(pl.col(schema.target)) if is_class else values(schema.target_column)
        wanted = [read.alias("target")]
        if schema.group is not None:
            wanted.append(categories(pl.col(schema.group)).alias("group"))
        if schema.split is not None:
            wanted.append(bare(pl.col(schema.split)).alias("split"))
        frame = pl.scan_parquet(self.fetch(snapshot, files)).select(wanted).collect()
        classes = _classes(frame["target"]) if is_class else ()
        groups = frame["group"] if schema.group is not None else None
        rows = frame["target"], groups, train_fraction, seed
        if schema.split is None:
            parts = split_rows(*rows, stratify=is_class)
        else:
            parts = split_as_given(frame["split"], *rows, stratify=is_class)
        return RecordedTable(snapshot, parts, classes)

    def materialise(self, data: RecordedTable, files: Files, folder: Path) -> TableDataset:
        """The rows on disk with their parts, for a trainer; as `fetch`.

        Args:
            folder: where the file of the parts goes.
        """
        snapshot = data.snapshot
        if snapshot.schema is None or snapshot.task is None:
            raise ValueError("there is no target in this snapshot")
        path, parts = self.bring(data, files, folder)
        return TableDataset(
            project_type=snapshot.project_type,
            schema=snapshot.schema,
            task=snapshot.task,
            classes=data.classes,
            path=path,
            parts=parts,
            **data.dataset_fields,
        )


def _classes(target: pl.Series) -> tuple[str, ...]:
    counts = target.drop_nulls().value_counts()
    if len(counts) < 2 or counts["count"].sum() < LEAST_ROWS:
        raise InvalidInput("the target has one class only, or too few rows: choose another target")
    if single := sorted(counts.filter(pl.col("count") == 1)["target"].to_list()):
        raise InvalidInput(f"the target has classes with one row only: {some_of(single)}: add rows of them")
    return tuple(sorted(counts["target"].to_list()))


def _unpack(packed: Path, path: Path, folder: Path) -> None:
    """The rows as one Parquet file; whole or not there."""
    parts: FrameParts | None = None
    with packed.open("rb") as file:
        for frame in read_frames(file):
            parts = parts or FrameParts(folder, tuple(frame.columns))
            parts.add(frame)
    if parts is None:
        raise ValueError("the table has no row")
    whole = folder / "whole"
    pl.scan_parquet(parts.paths).sink_parquet(whole, compression="lz4")
    os.chmod(whole, 0o444)
    os.replace(whole, path)
