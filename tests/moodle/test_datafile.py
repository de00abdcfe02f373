"""Data files: what is read, and what is refused with words."""

from __future__ import annotations

import numpy as np
import pytest

from moodle import datafile
from moodle.cells import Cells
from moodle.datafile import read_labelled, read_samples
from tests.moodle.data import columns, header
from utils import InvalidInput

HEAD = header(["a", "b", "target"], [0, 1])


def test_features_and_targets_are_read():
    data = read_labelled((HEAD + "0.5,,0\n-1,2,1\n").encode())
    assert data.columns == ("a", "b")
    assert data.classes == ("0", "1")
    assert data.features.tolist() == [[0.5, 0.0], [-1.0, 2.0]]
    assert data.features.dtype == np.float32
    assert data.target.tolist() == [0, 1]


def test_a_file_for_prediction_begins_each_row_with_its_sample():
    data = read_samples((header(["sampleid", "a", "b"], [0, 1]) + "123-0,1,\n123-1,,2\n").encode())
    assert data.samples == ("123-0", "123-1")
    assert data.features.tolist() == [[1.0, 0.0], [0.0, 2.0]]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n\r\n\n"])
def test_line_ends_byte_order_mark_and_blank_last_lines_change_nothing(line_end: str, mark: bytes, end: str):
    text = header(["a", "b", "target"], [0, 1], line_end) + f"1,2,0{line_end}3,4,1{end}"
    data = read_labelled(mark + text.encode())
    assert data.features.tolist() == [[1, 2], [3, 4]]
    assert data.target.tolist() == [0, 1]


@pytest.mark.parametrize("quote", ["", '"'])
def test_rows_that_repeat_each_other_are_held_once(quote: str):
    rows = ["1,2,0", "3,4,1", "1,2,1", "1.0,2,0", "3,4,0"]
    text = HEAD + "".join(",".join(f"{quote}{cell}{quote}" for cell in row.split(",")) + "\n" for row in rows)
    data = read_labelled(text.encode())
    assert data.cells.distinct.tolist() == [[1, 2], [3, 4], [1, 2]]
    assert data.features.tolist() == [[1, 2], [3, 4], [1, 2], [1, 2], [3, 4]]
    assert data.target.tolist() == [0, 1, 1, 0, 0]


def test_one_row_is_a_file():
    assert len(read_samples((header(["sampleid", "a"], [0, 1]) + "1-0,1").encode()).samples) == 1


def test_huge_and_tiny_numbers_become_what_a_model_can_take():
    data = read_labelled((HEAD + "1e30,1e-38,0\n1e300,0,1\n-1e300,1732000000,1\n").encode())
    assert data.features[0].tolist() == [np.float32(1e30), np.float32(1e-38)]
    assert data.features[1:, 0].tolist() == [np.finfo(np.float32).max, np.finfo(np.float32).min]


@pytest.mark.parametrize(
    "cell", ["NaN", "nan", "inf", "-INF", "1e400", "1" * 400, "1_000", "0x10", "\N{FULLWIDTH DIGIT ONE}"]
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_what_is_no_finite_number_is_refused(cell: str, quote: str):
    content = f"{HEAD}1,2,0\n1,{quote}{cell}{quote},1\n".encode()
    with pytest.raises(InvalidInput, match=f"line 5, column 'b': wanted is a finite number, got '{cell[:50]}"):
        read_labelled(content)


@pytest.mark.parametrize(
    ("classes", "cell", "place"), [([0, 1], "1.0", 1), (["no", "yes"], "yes", 1), ([0, 2], "2", 1)]
)
def test_a_target_is_found_by_text_or_number(classes, cell, place):
    data = read_labelled((header(["a", "target"], classes) + f"1,{cell}\n").encode())
    assert data.target.tolist() == [place]
    assert data.unknown == ()


def test_a_target_that_the_header_does_not_name_is_told():
    assert read_labelled((HEAD + "1,2,7\n").encode()).unknown == ("7",)


def test_every_number_is_read_as_python_reads_it_with_quotes_and_without():
    cells = ["1", "-0.33", "1e30", "1e-38", "1e-50", "", " 2 ", "+3", ".5", "1732000000", "-1E3", "0.1000000000000001"]
    rows = [[*np.random.default_rng(seed).permutation(cells)] for seed in range(40)] * 2
    names = [*columns(len(cells)), "target"]
    text = header(names, [0, 1]) + "\n".join(",".join([*row, str(n % 2)]) for n, row in enumerate(rows))
    wanted = np.array([[float(cell or 0) for cell in row] for row in rows]).astype(np.float32)
    for content in (text, text.replace("\n", "\r\n"), text.replace("1732000000", '"1732000000"')):
        data = read_labelled(content.encode())
        assert np.array_equal(data.features, wanted)
        assert data.target.tolist() == [0, 1] * 40


def test_a_row_is_as_wide_as_the_header_and_what_is_no_number_is_told_with_its_place():
    two = header(["a", "target"], [0, 1])
    for content, told in {
        two + "0\n": "line 4 has 1 cells, line 3 names 2 columns",
        HEAD + "1,2,0\n1,x,1\n": "line 5, column 'b': wanted is a finite number, got 'x'",
        HEAD + '1,2,0\n"1","x",1\n': "line 5, column 'b': wanted is a finite number, got 'x'",
        HEAD + "1,2,0\n\n1,2,\n": "line 6 has nothing in column 'target'",
        HEAD + "1,2,3,0\n": "line 4 has 4 cells, line 3 names 3 columns",
    }.items():
        with pytest.raises(InvalidInput, match=told):
            read_labelled(content.encode())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty or cut short"),
        (b"a,b\n", "empty or cut short"),
        (b"\xff\xfe\n1\n2\n", "no CSV in UTF-8"),
        (HEAD.replace("a", "\0").encode() + b"1,2,0\n", "holds a NUL byte"),
        (b"targetclasses\n" + b"[" * 100_000 + b"\na,target\n1,0\n", "targetclasses must be a JSON list"),
        (b'targetclasses\n"[0,1e999]"\na,target\n1,0\n', "targetclasses must be a JSON list"),
        (b'targetclasses\n"[0,' + b"9" * 400 + b']"\na,target\n1,0\n', "targetclasses must be a JSON list"),
        (b'targetclasses\n"[0,""\\ud800""]"\na,target\n1,0\n', "targetclasses must be a JSON list"),
        ((header(["a"] * 100_001 + ["target"], [0, 1]) + "1\n").encode(), "100,002 columns, allowed are 100,001"),
        (HEAD.encode(), "no rows"),
        ((HEAD + "1,2\n").encode(), "line 4 has 2 cells, line 3 names 3 columns"),
        ((HEAD + "1,2,0\n1,x,0\n").encode(), "line 5, column 'b': wanted is a finite number, got 'x'"),
        ((HEAD + "1,2,\n").encode(), "line 4 has nothing in column 'target'"),
        (b"nfeatures\n1\na,target\n1,0\n", "names no targetclasses"),
        (b'targetclasses\n"{}"\na,target\n1,0\n', "targetclasses must be a JSON list"),
        (b'targetclasses\n"[1]"\na,target\n1,0\n', "2 to 1000 different values"),
        (b'x,targetclasses\n"[0,1]"\na,target\n1,0\n', "line 1 has 2 names and line 2 1 values"),
        (b'targettype,targetclasses\nlinear,"[0,1]"\na,target\n1,0\n', "targettype is linear"),
        (header(["target"], [0, 1]).encode() + b"1\n", "line 3 names 1 column"),
    ],
)
def test_what_cannot_be_read_is_told_with_what_was_wanted(content: bytes, told: str):
    with pytest.raises(InvalidInput, match=told):
        read_labelled(content)


def test_features_in_another_order_are_brought_into_that_of_the_model():
    features = np.array([[1.0, 2.0]], np.float32)
    assert datafile.arranged(("b", "a"), ("a", "b"), features).tolist() == [[2.0, 1.0]]
    assert datafile.arranged(("x", "y"), ("a", "b"), features).tolist() == [[1.0, 2.0]]
    with pytest.raises(InvalidInput, match=r"trained on 3 features, this file has 2; missing: 'c'"):
        datafile.arranged(("a", "b"), ("a", "b", "c"), features)


def test_names_are_as_moodle_has_them():
    assert columns(1) == ["\\core\\indicator\\number_0"]


def test_rows_that_are_in_another_order_than_they_are_kept_come_in_theirs():
    kept = np.array([[1.0], [2.0]], np.float32)
    assert Cells(kept, np.array([1, 0])).rows().tolist() == [[2.0], [1.0]]
    assert Cells.of(kept).rows() is kept
