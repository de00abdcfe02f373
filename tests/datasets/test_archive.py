"""Archives whose length is told before they are made."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from datasets.archive import MISSING, Archive, Entry


def _fetch(gone: frozenset[str]):
    def fetch(entries: Iterable[Entry]) -> Iterator[bytes | None]:
        return (None if entry.key in gone else entry.key.encode().ljust(entry.size, b"x") for entry in entries)

    return fetch


def _entries(count: int, size: int = 300) -> list[Entry]:
    texts = [Entry(f"labels/ü {n}.txt", n % 7, b"0123456"[: n % 7]) for n in range(count)]
    images = [Entry(f"images/🙂 {n}.png", size + n % 11, key=str(n)) for n in range(count)]
    return [entry for pair in zip(images, texts, strict=True) for entry in pair]


def _made(entries: list[Entry], *gone: str) -> zipfile.ZipFile:
    """The archive, of which the length was told and all sums agree."""
    archive = Archive(entries, _fetch(frozenset(gone)))
    content = b"".join(archive.stream())
    assert len(content) == archive.length
    found = zipfile.ZipFile(io.BytesIO(content))
    assert found.testzip() is None
    return found


@pytest.mark.parametrize("count", [0, 1, 3, 200])
def test_an_archive_is_as_long_as_it_said_and_holds_everything(count: int):
    entries = _entries(count)
    found = _made(entries)
    assert found.namelist() == [entry.path for entry in entries]
    for entry in entries:
        assert found.read(entry.path) == (entry.content if entry.content is not None else _content(entry))


def _content(entry: Entry) -> bytes:
    return entry.key.encode().ljust(entry.size, b"x")


@pytest.mark.parametrize("gone", [("0",), ("199",), ("3", "77", "150"), tuple(map(str, range(200)))])
def test_what_went_away_is_left_out_and_named_and_the_length_stays(gone: tuple[str, ...]):
    entries = _entries(200)
    found = _made(entries, *gone)
    left = [entry.path for entry in entries if entry.key not in gone or not entry.key]
    assert found.namelist() == [*left, MISSING]
    lines = found.read(MISSING).decode().split("\n")
    assert [line for line in lines[1:] if line] == [entry.path for entry in entries if entry.key in gone]


@pytest.mark.parametrize("gone", [(), ("0", "30", "31"), ("199",)])
@pytest.mark.parametrize("limit", [4000, 40_000, 66_000])
def test_the_length_is_right_where_fields_get_wider(monkeypatch: pytest.MonkeyPatch, limit: int, gone: tuple[str, ...]):
    # What lies past 2 GiB, without writing them.
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", limit)
    _made(_entries(200, size=300), *gone)


def test_more_entries_than_the_old_format_could_count():
    entries = [Entry(f"{n}", 0, b"") for n in range(66_000)]
    assert len(_made(entries).namelist()) == 66_000


def test_another_tool_reads_it(tmp_path: Path):
    (tmp_path / "a.zip").write_bytes(b"".join(Archive(_entries(5), _fetch(frozenset("3"))).stream()))
    run = subprocess.run(
        [sys.executable, "-m", "zipfile", "-t", str(tmp_path / "a.zip")], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


def test_content_is_fetched_as_it_is_sent():
    fetched: list[str] = []

    def fetch(entries: Iterable[Entry]) -> Iterator[bytes]:
        for entry in entries:
            fetched.append(entry.key)
            yield b"x" * entry.size

    pieces = Archive(_entries(100, size=200_000), fetch).stream()
    next(pieces)
    assert len(fetched) < 5
