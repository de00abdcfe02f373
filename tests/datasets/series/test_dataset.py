"""From stored rows to what a trainer gets, and rows that come by themselves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from datasets.registry import SERIES
from datasets.series.schema import SeriesDataset
from datasets.series.settings import SeriesSettings
from datasets.tables.appending import MOST_ROWS, append_rows, delete_rows
from datasets.tables.cache import TableCache
from datasets.tables.changing import change_settings
from datasets.tables.folding import fold
from datasets.tables.rows_file import RowIndex
from storage.project import Project
from storage.store import Store
from storage.sweeper import sweep
from tests.datasets.tables.made import csv_of
from tests.datasets.tables.placed import import_file
from tests.storage.test_sweeper import AT_ONCE, NONE
from utils import ChangedMeanwhile, InvalidInput, NotFound, TooLarge

_ROWS = 60
_COLUMNS: dict[str, list[object]] = {
    "at": [f"2024-01-01T00:{59 - row // 2:02}:00Z" for row in range(_ROWS)],
    "machine": [("a", "b")[row % 2] for row in range(_ROWS)],
    "flow": ["" if row == 4 else row / 2 for row in range(_ROWS)],
    "still": [7] * _ROWS,
    "fault": ["normal" if row > 10 else "Anomaly" for row in range(_ROWS)],
}
_SETTINGS = SeriesSettings(time="at", series="machine", label="fault")


@pytest.fixture
def project(store: Store) -> Project:
    return store.projects.create(store.users.create("ada", b"long enough"), "pumps", "anomaly")


@pytest.fixture
def placed(store: Store, project: Project) -> Project:
    import_file(store, project, csv_of(_COLUMNS))
    change_settings(store, project, lambda now: _SETTINGS)
    return project


def row(number: int, **others: Any) -> dict[str, Any]:
    """One that may follow."""
    return {"at": f"2024-01-01T01:{number:02}:00Z", "machine": "a", "flow": number, "still": 7, "fault": "0", **others}


def cells(store: Store, project: Project) -> list[list[str | None]]:
    """All rows of a project's table."""
    table = store.tables.current(project.id)
    assert table
    read = lambda start, stop: store.artifacts.stream_range(table.rows_file.id, start, stop)  # noqa: E731
    return list(RowIndex.from_bytes(table.blocks).read(read, 0, table.rows))


def test_rows_become_series_on_disk_in_their_order_in_time(store: Store, placed: Project, tmp_path: Path):
    snapshot = SERIES.capture(store, placed)
    assert SERIES.missing(snapshot) == []
    told = {finding.code for finding in SERIES.advice(snapshot, placed)}
    assert told == {"times_go_back", "constant", "missing_samples", "always_rises"}
    cache = TableCache(tmp_path / "cache", 10**9)
    record = SERIES.read_record(SERIES.split(store, snapshot, 0.5, 0, cache).to_bytes())
    assert (record.trained_on, record.held_back, record.counts[2]) == (30, 20, 10)
    assert "2 series, 2 sensors" in record.notes()
    job = store.jobs.create(placed, {}, 1)
    SERIES.materialise(store, job.id, record, cache, tmp_path).write(tmp_path / "dataset.json")
    dataset = SERIES.read_dataset(tmp_path / "dataset.json")
    assert isinstance(dataset, SeriesDataset)
    assert (dataset.schema.sensors, dataset.digest) == (("flow", "still"), snapshot.digest())
    assert pl.read_parquet(dataset.path).to_dict(as_series=False)["still"] == ["7"] * _ROWS
    first, second = dataset.series()
    assert (first.name, second.name) == ("a", "b")
    assert first.times is not None
    assert np.diff(first.times).tolist() == [60.0] * 29
    assert first.rows.tolist() == list(range(58, -1, -2))
    assert first.parts.tolist() == [0] * 15 + [1] * 10 + [2] * 5
    assert first.values[:, 1].tolist() == [7.0] * 30
    assert np.flatnonzero(np.isnan(first.values[:, 0])).tolist() == [27]
    assert first.labels is not None
    assert first.labels.tolist() == [0] * 24 + [1] * 6


def test_what_keeps_series_from_being_trained_on_is_told(store: Store, project: Project):
    assert [finding.code for finding in SERIES.missing(SERIES.capture(store, project))] == ["no_table"]
    import_file(store, project, csv_of({"name": ["a", "b"] * 20, "at": ["2024-01-01"] * 40}))
    assert [finding.code for finding in SERIES.missing(SERIES.capture(store, project))] == ["no_sensor", "few_rows"]
    import_file(store, project, csv_of({"v": range(_ROWS), "anomaly": [0, 1] * 30, "d": ["2024-01-01"] * _ROWS}))
    change_settings(store, project, lambda now: SeriesSettings())
    snapshot = SERIES.capture(store, project)
    told = {finding.code for finding in SERIES.advice(snapshot, project)}
    assert (SERIES.missing(snapshot), told) == ([], {"looks_like_label", "no_time", "always_rises"})


def test_appended_rows_are_part_of_the_next_training(store: Store, placed: Project, tmp_path: Path):
    before = store.tables.current(placed.id)
    assert append_rows(store, placed, [row(1), row(2, flow=None)], "a test") == 2
    assert append_rows(store, placed, [{"flow": 2.5, "at": None}], "a test") == 1
    assert store.tables.current(placed.id) == before
    assert SERIES.capture(store, placed).waiting == 3
    SERIES.gather(store, placed, tmp_path)
    table = store.tables.current(placed.id)
    assert table
    assert before
    assert (table.rows, table.settings, table.revision) == (_ROWS + 3, before.settings, before.revision)
    assert table.filename == "table.csv.gz"
    assert cells(store, placed)[-3:] == [
        ["2024-01-01T01:01:00Z", "a", "1", "7", "0"],
        ["2024-01-01T01:02:00Z", "a", None, "7", "0"],
        [None, None, "2.5", None, None],
    ]
    assert SERIES.capture(store, placed).waiting == 0
    record = SERIES.split(store, SERIES.capture(store, placed), 0.5, 0, TableCache(tmp_path / "cache", 10**9))
    assert "1 row without a time in the time column 'at': left out" in record.notes()
    assert fold(store, placed, tmp_path) == table
    assert store.database["artifacts.files"].count_documents({}) == 2
    assert sweep(store, AT_ONCE) == NONE


def test_rows_alone_make_a_table_by_an_import(store: Store, project: Project, tmp_path: Path):
    append_rows(store, project, [{"at": 1.5, "flow": 3}], "a test")
    append_rows(store, project, [{"flow": True, "of  it": "x"}], "a test", key="once")
    append_rows(store, project, [{"flow": True, "of  it": "x"}], "a test", key="once")
    snapshot = SERIES.capture(store, project)
    assert "2 rows came" in SERIES.missing(snapshot)[0].message
    (record,) = store.imports.list_of(project.id, 5)
    assert (record.state.value, record.options["format"]) == ("queued", "rows")
    table = fold(store, project, tmp_path)
    assert table
    assert [column["name"] for column in table.columns] == ["at", "flow", "of it"]
    append_rows(store, project, [{"flow": 7}], "a test", key="once")
    assert fold(store, project, tmp_path) == table
    assert cells(store, project) == [["1.5", "3", None], [None, "true", "x"]]


def test_what_comes_while_rows_are_taken_in_is_neither_lost_nor_there_twice(
    store: Store, placed: Project, tmp_path: Path
):
    def come(number: int) -> int:
        added = append_rows(store, placed, [row(number)], "a test")
        if number % 5 == 0:
            with suppress(ChangedMeanwhile):  # five times another was quicker
                fold(store, placed, tmp_path)
        return added

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(come, range(20))) == 20
    fold(store, placed, tmp_path)
    flows = [float(line[2] or 0) for line in cells(store, placed)[_ROWS:]]
    assert sorted(flows) == list(range(20))
    sweep(store, AT_ONCE)
    assert store.database["artifacts.files"].count_documents({}) == 2


def test_a_table_that_was_deleted_or_changed_meanwhile_is_not_brought_back(
    store: Store, placed: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    append_rows(store, placed, [row(1)], "a test")
    follow = store.tables.follow

    def set_meanwhile(base: Any, table: Any) -> Any:
        change_settings(store, placed, lambda now: SeriesSettings(time="at", ignored=("still",)))
        return follow(base, table)

    monkeypatch.setattr(store.tables, "follow", set_meanwhile)
    folded = fold(store, placed, tmp_path)
    assert folded
    assert (SeriesSettings.of(folded.settings).ignored, folded.revision, folded.rows) == (("still",), 3, _ROWS + 1)

    def deleted_meanwhile(base: Any, table: Any) -> Any:
        monkeypatch.undo()
        delete_rows(store, placed)
        return follow(base, table)

    append_rows(store, placed, [row(2)], "a test")
    monkeypatch.setattr(store.tables, "follow", deleted_meanwhile)
    assert fold(store, placed, tmp_path) is None
    assert store.tables.current(placed.id) is None
    append_rows(store, placed, [{"flow": 1}], "a test")
    delete_rows(store, placed)
    with pytest.raises(NotFound):
        delete_rows(store, placed)
    append_rows(store, placed, [{"other": 1}], "a test")
    again = fold(store, placed, tmp_path)
    assert again
    assert again.rows == 1


def test_a_file_replaces_appended_rows_as_well(store: Store, placed: Project, tmp_path: Path):
    append_rows(store, placed, [row(1)], "a test")
    import_file(store, placed, csv_of(_COLUMNS))
    append_rows(store, placed, [row(2)], "a test")
    folded = fold(store, placed, tmp_path)
    assert folded
    assert (folded.rows, SeriesSettings.of(folded.settings)) == (_ROWS + 1, _SETTINGS)


_WRONG: list[tuple[list[Any], str]] = [
    ([], "there is none"),
    ([3], "row 1 must be an object"),
    ([{}], "row 1 is empty"),
    ([row(1), row(2, flow="much")], "row 2, column 'flow': must be a finite number such as 3.5 or -2e6, got 'much'"),
    ([row(1, at="soon")], "row 1, column 'at': must be a date"),
    ([row(1, flow=[1])], "row 1, column 'flow': a cell must be a text, a number"),
    ([row(1, Flow=1)], "the table has no column 'Flow': do you mean 'flow'?"),
    ([row(1, machine="a\0")], "without NUL"),
]


@pytest.mark.parametrize(("rows", "why"), _WRONG)
def test_rows_that_do_not_fit_are_refused_as_a_whole(store: Store, placed: Project, rows: list[Any], why: str):
    with pytest.raises(InvalidInput) as raised:
        append_rows(store, placed, rows, "a test")
    assert why in raised.value.detail
    assert SERIES.capture(store, placed).waiting == 0


def test_so_many_rows_are_taken_at_a_time(store: Store, placed: Project):
    with pytest.raises(TooLarge, match="at most 10,000 at a time"):
        append_rows(store, placed, [row(1)] * (MOST_ROWS + 1), "a test")


def test_readings_with_decimal_commas_are_those_with_points(store: Store, tmp_path: Path):
    user = store.users.create("eve", b"long enough")
    columns: dict[str, list[object]] = {
        "time": [f"{1_700_000_000 + row}.25" for row in range(_ROWS)],
        "fault": [f"{int(row > 50)}.0" for row in range(_ROWS)],
        "flow": ["" if row == 4 else f"{row / 8}" for row in range(_ROWS)],
        "still": [7] * _ROWS,
    }
    commas = {name: [str(cell).replace(".", ",") for cell in cells] for name, cells in columns.items()}
    found = []
    for name, content in (("points", columns), ("commas", commas)):
        project = store.projects.create(user, name, "anomaly")
        import_file(store, project, csv_of(content))
        new = {"time": 1_700_000_100.25, "fault": 0, "flow": 0.125, "still": 7}
        written = {key: str(value).replace(".", "," if name == "commas" else ".") for key, value in new.items()}
        assert append_rows(store, project, [new, written], "a test") == 2
        with pytest.raises(InvalidInput, match=r"row 1, column 'flow': must be a finite number such as"):
            append_rows(store, project, [{"flow": "1.5" if name == "commas" else "1,5"}], "a test")
        folder = tmp_path / name
        folder.mkdir()
        SERIES.gather(store, project, folder)
        last = cells(store, project)[-2:]
        assert (last[0], last[0][2]) == (last[1], "0,125" if name == "commas" else "0.125")
        cache = TableCache(folder / "cache", 10**9)
        record = SERIES.split(store, SERIES.capture(store, project), 0.5, 0, cache)
        job = store.jobs.create(project, {}, 1)
        found.append(SERIES.materialise(store, job.id, record, cache, folder).series())
    [[points], [with_commas]] = found
    for field in ("times", "values", "labels", "parts", "rows"):
        np.testing.assert_array_equal(getattr(points, field), getattr(with_commas, field), strict=True)
    assert points.labels.tolist() == [0] * 51 + [1] * 9 + [0] * 2
