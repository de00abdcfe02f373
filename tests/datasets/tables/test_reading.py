from __future__ import annotations

import codecs
import csv
import gzip
import io
import random
from datetime import date, datetime, timezone
from pathlib import Path

import polars as pl
import pytest

from datasets.tables.bounds import Bounds
from datasets.tables.delimited import DelimitedTable
from datasets.tables.reading import open_table
from utils import InvalidInput

_SMALL = Bounds(columns=4, rows=5, cell=20, row=400, file=2000)


def _read(content: bytes, folder: Path, bounds: Bounds = Bounds()) -> tuple[tuple[str, ...], list[tuple]]:  # noqa: B008
    with open_table(io.BytesIO(content), folder, bounds=bounds) as table:
        return table.names, [row for frame in table.frames() for row in frame.rows()]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("blank_lines", [0, 1, 3])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_separators_and_line_ends_are_found(separator: str, blank_lines: int, newline: str, tmp_path: Path):
    rows = [("name", "größe", "c"), (f'a{separator}\r\nb"c"', "1,5", "; "), (None, None, None), ("", " x ", "NA")]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=newline).writerows(rows)
    names, read = _read((text.getvalue() + blank_lines * newline).encode(), tmp_path)
    assert (names, *read) == (*rows[:3], (None, " x ", "NA"))
    assert _read(text.getvalue().rstrip().encode(), tmp_path)[1] == read


@pytest.mark.parametrize("before", ["\n\r\n\n", "sep=;\r\n", '"SEP=;"\n\n', "\nsep=;\n"])
def test_blank_lines_and_the_line_of_excel_before_the_names_are_skipped(before: str, tmp_path: Path):
    assert _read(f"{before}a;b\n1;2\n".encode(), tmp_path) == (("a", "b"), [("1", "2")])
    with pytest.raises(InvalidInput, match=f"line {before.count(chr(10)) + 3} has 1 cells"):
        _read(f"{before}a;b\n1;2\n1\n".encode(), tmp_path)


@pytest.mark.parametrize(
    "encoded",
    [
        lambda text: text.encode(),
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        lambda text: gzip.compress(codecs.BOM_UTF8 + text.encode()),
        lambda text: gzip.compress(text.encode()[:9]) + gzip.compress(text.encode()[9:]),
    ],
)
def test_utf8_utf16_and_gzip_are_read(encoded, tmp_path: Path):
    assert _read(encoded("a,b\nü,猫\n,😀\n"), tmp_path) == (("a", "b"), [("ü", "猫"), (None, "😀")])


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_any_table_is_read_as_the_csv_module_reads_it(newline: str, tmp_path: Path):
    draw = random.Random(7)
    pieces = ["", "a", '"', ",", "\n", "\r\n", ";", " ", "ü", "NA", "1.50", "\t", "'", '""']
    for _ in range(60):
        width = draw.randint(2, 5)
        rows = [["".join(draw.choices(pieces, k=draw.randint(0, 4))) for _ in range(width)] for _ in range(30)]
        text = io.StringIO(newline="")
        quoting = draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
        csv.writer(text, lineterminator=newline, quoting=quoting).writerows([[f"c{i}" for i in range(width)], *rows])
        expected = [tuple(cell or None for cell in row) for row in rows]
        # Records lie across the borders of blocks as small as these.
        table = DelimitedTable(io.BytesIO(text.getvalue().encode()), Bounds(), lambda: None, block_bytes=64)
        assert [row for frame in table.frames() for row in frame.rows()] == expected


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"a,b", "the file is one line"),
        (b"a\n1\n", "one cell only: wanted at least two columns"),
        (b"a,b\r1,2\r", "is one line"),
        (b"a,b\n1,2\n1,2,3\n", r"line 3 has 3 cells, and the first line names 2 columns"),
        (b'a,b\n1,"2\n\n"\n1\n', r"line 5 has 1 cells"),
        (b'a,b\n1,2\n5" pipe,2\n', r"line 3 has a quote inside a cell"),
        (b'a,b\n"x"y,2\n', r"line 2 has a quote inside a cell"),
        (b'a,b\n1,2\n"x,2\n3,4\n', r"line 3 begins a cell in quotes that is never closed"),
        (b"a,b\n1,2\n1,\0\n", "line 3 holds the character NUL"),
        (b"a,b\n1,2\n\n1,\xe9\n", r"line 4 is not UTF-8: save it as 'CSV UTF-8', or convert it.*iconv"),
        ("größe,b\n".encode("latin-1") + b"1,2\n", "line 1 is not UTF-8"),
        (b"a,a,b,b,c\n", "names columns twice: 'a', 'b'"),
        (b",a\n1,2\n", "gives no name to column number 1 of 2"),
        (b"a, ,\n1,2,3\n", "no name to 2 columns, the first of them number 2 of 3"),
        (b"5.1,3.5,setosa\n4.9,3.0,setosa\n", "the first line must name the columns, and '5.1', '3.5' look like data"),
        (b"x,2024-01-31\n4.9,3.0\n", "'2024-01-31' looks like data"),
        (b"PK\x03\x04abcdefghijklmnop", "a zip archive or an Excel workbook: send the CSV"),
        (gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-9], "packed with gzip, and damaged or cut short"),
        (b"PAR1 and no Parquet", "the Parquet file cannot be read"),
        (gzip.compress(b"PAR1 and no Parquet", mtime=0), "Parquet packed with gzip"),
        (codecs.BOM_UTF16_LE + b"a\0,", "is one line|is not"),
        (b"a" * 201 + b",b\n", "has a name of 201 characters"),
    ],
)
def test_what_is_no_table_is_refused_in_words(content: bytes, why: str, tmp_path: Path):
    with pytest.raises(InvalidInput, match=why):
        _read(content, tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b'[{"at": 1, "flow": 2.5}]',
        b'\n[\n  {"at": 1,\n   "fl\\"ow": 2.5}\n]\n',
        b'{"at": 1, "flow": 2.5}\n{"at": 2, "flow": 2.5}\n',
        b'{"rows": [{"at": 1}]}',
        b'[["at", "flow"], [1, 2.5]]',
        b'["at", "flow"]\n[1, 2.5]\n',
        b"[]",
        b" {}\n",
        codecs.BOM_UTF8 + b'{"at": 1}',
        '[{"at": 1}]'.encode("utf-16"),
        gzip.compress(b'[{"at": 1}]', mtime=0),
    ],
)
def test_json_is_called_by_its_name_with_what_to_do(content: bytes, tmp_path: Path):
    with pytest.raises(InvalidInput, match=r"is JSON: send the table as CSV, TSV or Parquet, or .*<project>/rows"):
        _read(content, tmp_path)


@pytest.mark.parametrize("names", ["[at],[flow]", "{at},{flow}", "[1],[2]", "[],{}", '"{""at"": 1}",b'])
def test_names_in_brackets_are_no_json(names: str, tmp_path: Path):
    assert _read(f"{names}\n1,2\n".encode(), tmp_path)[1] == [("1", "2")]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a,b,c,d,e\n", "has 5 columns, allowed are 4"),
        (b"a,b\n" + b"1,2\n" * 6, "more than 5 rows"),
        (b"a,b\n1,2\n1," + b"x" * 21 + b"\n", "line 3 has a cell of 21 bytes, allowed are 20"),
        (b"a,b\n" + b"\n" * 2000, "more than 2,000 bytes when they are unpacked"),
        (gzip.compress(b"a,b\n" + b"\n" * 9000, mtime=0), "more than 2,000 bytes when they are unpacked"),
    ],
)
def test_a_table_past_a_bound_is_refused(content: bytes, why: str, tmp_path: Path):
    with pytest.raises(InvalidInput, match=why):
        _read(content, tmp_path, _SMALL)


def test_a_row_that_does_not_end_is_refused_before_it_fills_the_memory():
    file = io.BytesIO(b'a,b\n1,"' + b"x\n" * 5000)
    with pytest.raises(InvalidInput, match="begins a row of more than 400 bytes: is there a quote"):
        list(DelimitedTable(file, Bounds(row=400), lambda: None, block_bytes=64).frames())


def test_years_and_numbers_of_columns_may_be_names(tmp_path: Path):
    assert _read(b"country,2019,2020\nA,1,2\n", tmp_path)[0] == ("country", "2019", "2020")
    assert _read(b"0,1,2\n5,6,7\n", tmp_path)[0] == ("0", "1", "2")
    assert _read(b'" a\n b ",c\n1,2\n', tmp_path)[0] == ("a b", "c")


def test_parquet_is_read_as_text(tmp_path: Path):
    frame = pl.DataFrame(
        {
            "number": [0.1, float("nan"), None],
            "whole": [1, -2, 2**62],
            "truth": [True, False, None],
            "word": ["x", "", "a,\nb"],
            "day": [date(2024, 2, 29), None, date(1, 1, 1)],
            "moment": [datetime(2024, 1, 1, 12, tzinfo=timezone.utc), None, datetime(1970, 1, 1, tzinfo=timezone.utc)],
        }
    )
    path = tmp_path / "x.parquet"
    frame.write_parquet(path)
    names, rows = _read(path.read_bytes(), tmp_path)
    assert names == tuple(frame.columns)
    assert rows == [
        ("0.1", "1", "true", "x", "2024-02-29", "2024-01-01T12:00:00Z"),
        ("NaN", "-2", "false", None, None, None),
        (None, str(2**62), None, "a,\nb", "0001-01-01", "1970-01-01T00:00:00Z"),
    ]


def test_parquet_with_lists_or_too_much_is_refused(tmp_path: Path):
    path = tmp_path / "x.parquet"
    pl.DataFrame({"a": [[1]], "b": [1]}).write_parquet(path)
    with pytest.raises(InvalidInput, match="the column 'a' is of type List"):
        _read(path.read_bytes(), tmp_path)
    for column, why in ((["x" * 21], "21 bytes, allowed are 20"), (["x"] * 6, "6 rows, allowed are 5")):
        pl.DataFrame({"a": column, "b": [1] * len(column)}).write_parquet(path)
        with pytest.raises(InvalidInput, match=why):
            _read(path.read_bytes(), tmp_path, _SMALL)
