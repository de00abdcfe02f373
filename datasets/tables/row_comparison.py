"""Which rows two states of a table have in common, by what is in them."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datasets.tables.columns import bare
from datasets.tables.profile import ColumnProfile
from datasets.tables.rows_file import read_frames
from datasets.tables.schema import ColumnType
from storage.store import Store
from storage.tables import Table

if TYPE_CHECKING:
    from datasets.tables.comparison import State

# A request waits for it: some seconds on a slow core.
MOST_BYTES = 256 * 1024 * 1024
_HASH_SEED = 0
Hashes = NDArray[np.uint64]


def compare_rows(store: Store, old: State, new: State) -> dict[str, Any]:
    """Compare rows by the cells that both have, as text without what stands around; their order does not count.

    Returns:
        Rows `before` and `after`; whether they are `compared`, which tables of more than `MOST_BYTES` together are not;
        the column that is the `key` of a row, or None; and how many rows were `added`, `removed` or `changed` (other
        cells under the same key; none without a key), and how many are `unchanged`. Null where they are not compared.
    """
    before, after = old.table, new.table
    counts = {"before": before.rows, "after": after.rows}
    if before.digest == after.digest:
        same = {"added": 0, "removed": 0, "changed": 0, "unchanged": before.rows}
        return {**counts, "compared": True, "key": None, **same}
    names = [name for name in old.columns if name in new.columns]
    if before.size + after.size > MOST_BYTES or not names:
        nothing = dict.fromkeys(("key", "added", "removed", "changed", "unchanged"))
        return {**counts, "compared": False, **nothing}
    key = _key(old, new, names)
    first, second = (_hashes(store, table, names, key) for table in (before, after))
    if key and all(_are_different(keys) for _, keys in (first, second)):
        return {**counts, "compared": True, "key": key, **_by_key(first, second)}
    return {**counts, "compared": True, "key": None, **_by_content(first[0], second[0])}


def _key(old: State, new: State, names: list[str]) -> str | None:
    """The first column that names rows on both sides, as far as is known; never what is predicted."""
    told = {old.told, new.told}
    return next(
        (name for name in names if name not in told and all(_names_rows(side.profile.of(name)) for side in (old, new))),
        None,
    )


def _names_rows(column: ColumnProfile) -> bool:
    if column.missing or column.repeats or column.column.type is ColumnType.DATE:
        return False
    # Measurements with many digits are different in every row as well.
    return column.column.type is not ColumnType.NUMBER or bool(column.summary and column.summary.whole)


def _hashes(store: Store, table: Table, names: list[str], key: str | None) -> tuple[Hashes, Hashes]:
    """Of all cells and of the key, for each row."""
    rows: list[Hashes] = []
    keys: list[Hashes] = []
    with tempfile.TemporaryFile() as file:
        for piece in store.artifacts.stream(table.rows_file.id):
            file.write(piece)
        file.seek(0)
        for frame in read_frames(file):
            read = frame.select(bare(pl.col(name)).alias(name) for name in names)
            rows.append(read.hash_rows(_HASH_SEED).to_numpy())
            if key:
                keys.append(read.select(key).hash_rows(_HASH_SEED).to_numpy())
    nothing: list[Hashes] = [np.empty(0, np.uint64)]
    return np.concatenate(nothing + rows), np.concatenate(nothing + keys)


def _are_different(keys: Hashes) -> bool:
    return len(np.unique(keys)) == len(keys)


def _by_key(old: tuple[Hashes, Hashes], new: tuple[Hashes, Hashes]) -> dict[str, int]:
    common, before, after = np.intersect1d(old[1], new[1], assume_unique=True, return_indices=True)
    unchanged = int((old[0][before] == new[0][after]).sum())
    return {
        "added": len(new[1]) - len(common),
        "removed": len(old[1]) - len(common),
        "changed": len(common) - unchanged,
        "unchanged": unchanged,
    }


def _by_content(old: Hashes, new: Hashes) -> dict[str, int]:
    """Rows that are there more than once count as often as they are there."""
    (before, times_before), (after, times_after) = (np.unique(side, return_counts=True) for side in (old, new))
    _, places_before, places_after = np.intersect1d(before, after, assume_unique=True, return_indices=True)
    common = int(np.minimum(times_before[places_before], times_after[places_after]).sum())
    return {"added": len(new) - common, "removed": len(old) - common, "changed": 0, "unchanged": common}
