from __future__ import annotations

import csv
import gzip
import io
import random
from pathlib import Path

import polars as pl
import pytest

from datasets.tables import rows_file
from datasets.tables.rows_file import RowIndex, WrittenRows, first_rows, read_frames, write_rows

_NAMES = ("a, b", 'c"d', "é")
_PIECES = ["a", '"', ",", "\n", "\r", "\r\n", " ", "ü", "NA", "1.50", "\t", ";", "'"]


def _rows(count: int, seed: int = 1) -> list[tuple[str | None, ...]]:
    draw = random.Random(seed)
    return [tuple("".join(draw.choices(_PIECES, k=draw.randint(0, 4))) or None for _ in _NAMES) for _ in range(count)]


def _frame(rows: list[tuple[str | None, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(_NAMES, pl.String), orient="row")


@pytest.fixture
def written(tmp_path: Path, monkeypatch) -> tuple[list[tuple[str | None, ...]], bytes, WrittenRows]:
    monkeypatch.setattr(rows_file, "_BLOCK_ROWS", 7)
    rows = _rows(100)
    done = write_rows(tmp_path / "rows", _NAMES, [_frame(rows[:40]), _frame(rows[40:])])
    return rows, (tmp_path / "rows").read_bytes(), done


def test_any_rows_come_back_as_they_were(written):
    rows, content, _ = written
    assert [row for frame in read_frames(io.BytesIO(content)) for row in frame.rows()] == rows


def test_a_rows_file_is_plain_csv_packed_with_gzip(written):
    rows, content, done = written
    text = gzip.decompress(content)
    assert done.size == len(text)
    read = list(csv.reader(io.StringIO(text.decode(), newline="")))
    assert [tuple(cell or None for cell in row) for row in read] == [_NAMES, *rows]


@pytest.mark.parametrize(("first", "count"), [(0, 3), (5, 20), (39, 2), (93, 100), (99, 1), (100, 5), (10**9, 5)])
def test_a_page_of_rows_is_read_from_its_blocks_alone(written, first: int, count: int):
    rows, content, done = written
    index = RowIndex.from_bytes(done.index.to_bytes())
    fetched: list[int] = []

    def read(start: int, stop: int) -> list[bytes]:
        fetched.append(stop - start)
        return [content[start:stop]]

    assert list(index.read(read, first, count)) == list(map(list, rows[first : first + count]))
    assert len(fetched) <= count // 6 + 2


def test_a_sample_lies_evenly_over_the_table(written):
    rows, content, done = written
    sample = list(done.index.sample(lambda start, stop: [content[start:stop]], len(content) // 4))
    assert 10 <= len(sample) <= 50
    assert all(tuple(row) in rows for row in sample)
    assert list(done.index.sample(lambda start, stop: [content[start:stop]], 10**6)) == list(map(list, rows))


def test_the_digest_is_of_names_and_cells_whatever_the_blocks(written, tmp_path: Path):
    rows, _, done = written
    again = write_rows(tmp_path / "again", _NAMES, [_frame(rows)])
    assert again.digest == done.digest
    assert write_rows(tmp_path / "other", _NAMES, [_frame(rows[:-1])]).digest != done.digest
    assert write_rows(tmp_path / "other", ("x", "y", "z"), [_frame(rows)]).digest != done.digest


def test_a_page_is_bounded_by_its_characters():
    rows = [["x" * 10, None], ["y" * 10, "z"], ["w", None]]
    assert list(first_rows(iter(rows), 5)) == rows[:1]
    assert list(first_rows(iter(rows), 21)) == rows[:2]
    assert list(first_rows(iter(rows), 30)) == rows


def test_a_table_of_one_column_keeps_its_empty_cells(tmp_path: Path):
    frame = pl.DataFrame({"a": ["1", None, 'x"', None]})
    written = write_rows(tmp_path / "rows", ["a"], [frame])
    with (tmp_path / "rows").open("rb") as file:
        assert pl.concat(read_frames(file)).equals(frame)
    assert written.index.rows[-1] == 4
