"""Rows in, answers out: by name, with a word on whatever is odd, and refused when a cell cannot be read."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets.tables import bounds as table_bounds
from datasets.tables.schema import Column, ColumnType, NumberFormat
from inference.protocol import Bounds, Options
from inference.sessions import open_session
from inference.tabular.csv_rows import with_predictions
from inference.tabular.inputs import TableShape
from inference.tabular.predictor import TabularPredictor
from inference.tabular.rows import RowReader
from tests.conftest import ROOT
from tests.training.recorder import Recorder
from tests.training.tabular.tables import table, workspace
from training.tabular.trainer import TabularParams, TabularTrainer
from utils import InvalidInput, TooLarge

ROW = {"height": 0.5, "steps": 3, "colour": "red", "born": "1999-12-31", "always": 7, "empty": None}


def trained(folder: Path, classes: int) -> TabularPredictor:
    params = TabularParams(algorithm="linear")
    model = TabularTrainer().fit(table(folder, classes), params, workspace(folder / "work"), Recorder())
    return TabularPredictor(open_session(model.onnx_path, threads=1), model.card)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> TabularPredictor:
    return trained(tmp_path_factory.mktemp("classes"), 2)


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> TabularPredictor:
    return trained(tmp_path_factory.mktemp("values"), 0)


def ask(predictor: TabularPredictor, *rows: dict[str, Any], explain: bool = False) -> tuple[list[dict], list[str]]:
    reading = predictor.read(json.dumps(rows).encode(), Bounds(0))
    answer = predictor.answer(predictor.forward(reading.inputs), reading, Options(explain=explain or None), False)
    return answer.predictions, answer.warnings


def test_a_row_gives_a_class_with_probabilities_or_a_value(classes: TabularPredictor, values: TabularPredictor):
    [answer], warnings = ask(classes, ROW)
    assert answer["confidence"] == answer["probabilities"][answer["class"]] >= 0.5
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert warnings == []
    [answer], _ = ask(values, ROW)
    assert 80 < answer["value"] < 160


def test_a_cell_means_the_same_as_text_and_as_a_number_in_any_order(classes: TabularPredictor):
    texts = {name: None if cell is None else f" {cell} " for name, cell in reversed(ROW.items())}
    answers, _ = ask(classes, ROW, texts, {**ROW, "born": "1999-12-31T00:00:00Z"})
    assert answers[0] == answers[1] == answers[2]


def test_what_is_missing_unseen_or_too_much_is_told_and_taken_as_missing(classes: TabularPredictor):
    answers, warnings = ask(classes, {**ROW, "colour": "violet", "shoe": 44}, {**ROW, "colour": None})
    assert answers[0] == answers[1]
    assert any("'violet'" in text and "colour" in text for text in warnings)
    assert any("'shoe'" in text for text in warnings)
    _, warnings = ask(classes, {"height": 1.0})
    assert any("5 columns not there" in text for text in warnings)
    _, warnings = ask(classes, {**ROW, "target": "class 1"})
    assert warnings == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{**ROW}, {**ROW, "height": "tall"}], "row 2, column 'height': must be a finite number"),
        ([{**ROW, "height": True}], "row 1, column 'height': must be a finite number"),
        ([{**ROW, "height": [1]}], "row 1, column 'height': a cell must be"),
        ([{**ROW, "height": 10**400}], "row 1, column 'height'"),
        ([{**ROW, "born": "yesterday"}], "row 1, column 'born': must be a date"),
        ([{"shoe": 1}], "none of the columns"),
        ([{}], "none of the columns"),
        ([[1, 2]], "row 1 must be an object"),
        ([{**ROW, "colour": "\ud800"}], "row 1, column 'colour': must be text of whole Unicode characters"),
        ([], "at least one, got none"),
        ({"height": 1}, "got dict"),
    ],
)
def test_rows_that_cannot_be_read_are_refused_with_row_column_and_what_was_wanted(
    classes: TabularPredictor, rows: Any, words: str
):
    with pytest.raises(InvalidInput) as caught:
        classes.read(json.dumps(rows).encode(), Bounds(0))
    assert words in caught.value.detail


def test_more_rows_than_are_answered_at_a_time_are_too_large(classes: TabularPredictor):
    with pytest.raises(TooLarge, match="10,001 rows, at most 10,000"):
        classes.read(json.dumps([{}] * 10_001).encode(), Bounds(0))


def test_what_is_no_json_or_infinite_is_refused(classes: TabularPredictor):
    for content in (b"\xff\xfe", b"height", b"[" * 100_000, b'[{"height": Infinity}]'):
        with pytest.raises(InvalidInput):
            classes.read(content, Bounds(0))
    assert len(classes.read(b'[{"height": NaN}]', Bounds(0))) == 1


def test_every_bad_cell_is_named(classes: TabularPredictor):
    with pytest.raises(InvalidInput) as caught:
        classes.read(json.dumps([{**ROW, "height": "a", "born": "b"}] * 2).encode(), Bounds(0))
    assert {error["field"] for error in caught.value.errors} == {
        "rows.1.height", "rows.2.height", "rows.1.born", "rows.2.born",
    }  # fmt: skip


def test_many_rows_give_what_each_gives_alone(classes: TabularPredictor):
    rows = [{**ROW, "height": number / 500, "colour": ["red", "blue"][number % 2]} for number in range(1_200)]
    answers, _ = ask(classes, *rows)
    for number in (0, 511, 512, 1_199):
        [alone], _ = ask(classes, rows[number])
        assert alone["class"] == answers[number]["class"]
        assert alone["confidence"] == pytest.approx(answers[number]["confidence"], abs=1e-6)


def test_a_prediction_is_explained_by_the_columns_that_moved_it(values: TabularPredictor):
    [high, low], _ = ask(values, {**ROW, "height": 4}, {**ROW, "height": -4}, explain=True)
    assert high["explanation"][0]["column"] == low["explanation"][0]["column"] == "height"
    assert high["explanation"][0]["effect"] > 20
    assert low["explanation"][0]["effect"] < -20
    assert {item["column"]: item["effect"] for item in high["explanation"]}["always"] == 0
    with pytest.raises(InvalidInput, match="explain: at most"):
        ask(values, *[ROW] * 2_000, explain=True)


def in_csv(predictor: TabularPredictor, content: bytes) -> Iterator[bytes]:
    """What becomes of a CSV file."""

    def predict(rows: list[dict[str, str]], first: int) -> list[dict[str, Any]]:
        reading = predictor.read_rows(rows, first)
        return predictor.post_process(predictor.forward(reading.inputs), reading)

    return with_predictions(io.BytesIO(content), table_bounds.Bounds(file=100_000), 1_000, predict)


def test_a_csv_file_comes_back_with_predictions_in_batches(classes: TabularPredictor, values: TabularPredictor):
    lines = [",".join(["colour", "height", "confidence"])]
    lines += [f'"{"red" if number % 2 else "blue"}",{number / 1000},"a, ""b"""' for number in range(2_500)]
    parts = list(in_csv(classes, ("\ufeff" + "\r\n".join(lines) + "\r\n\r\n").encode()))
    assert len(parts) == 4
    read = list(csv.reader(io.StringIO(b"".join(parts).decode())))
    assert read[0] == ["colour", "height", "confidence", "predicted", "confidence_"]
    assert len(read) == 2_501
    assert read[2][:3] == ["red", "0.001", 'a, "b"']
    [alone], _ = ask(classes, {"colour": "red", "height": "0.001"})
    assert read[2][3] == alone["class"]
    assert float(read[2][4]) == pytest.approx(alone["confidence"], abs=1e-5)
    [_, line] = list(in_csv(values, b"height\n1\n"))
    assert line.startswith(b"1,1")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_file_like_those_that_are_imported_is_predicted(classes: TabularPredictor, separator: str):
    plain = b"".join(in_csv(classes, b"colour,height\nred,1\nblue,2\n")).decode()
    text = f"colour{separator} height \nred{separator}1\nblue{separator} 2\n"
    for content in (
        text.encode(),
        text.replace("\n", "\r\n").encode(),
        text.encode("utf-16"),
        gzip.compress(text.encode()),
        f"\n\n{text}".encode(),
        f"sep={separator}\r\n{text}".encode(),
    ):
        read = b"".join(in_csv(classes, content)).decode()
        assert read.replace(" ", "").replace(separator, ",") == plain.replace(" ", "")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has none"),
        (b"height\n", "no row"),
        (b"a,a\n1,2\n", "more than once"),
        (b"height,colour\n1,red\n2\n", "row 2 has 1 cells"),
        (b"height\nx\n", "row 1, column 'height'"),
        (b"height\n\xff\n", "no UTF-8"),
        (b" a,a\n1,2\n", "more than once"),
        (b"PK\x03\x04", "an Excel workbook"),
        (b"PAR1", "is Parquet: send the rows as CSV"),
        (gzip.compress(b"height\n" + b"1\n" * 60_000), "more than 100,000 bytes"),
        (b'height\n"1\n', "no CSV"),
    ],
)
def test_a_csv_file_that_cannot_be_read_is_refused(classes: TabularPredictor, content: bytes, words: str):
    with pytest.raises(InvalidInput) as caught:
        list(in_csv(classes, content))
    assert words in caught.value.detail


def test_predicting_imports_no_library_that_trains():
    code = "import sys, inference.tabular.predictor; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"sklearn", "scipy", "polars", "torch", "onnx", "pandas"} & set(run.stdout.split())


def test_numbers_of_json_stay_numbers_where_text_has_decimal_commas():
    columns = tuple(
        Column(name, ColumnType.NUMBER, number_format=written)
        for name, written in (("a", NumberFormat.DECIMAL_COMMA), ("b", NumberFormat.THOUSANDS_COMMA), ("c", None))
    )
    reader = RowReader(TableShape("t", "regression", columns, ()), {})
    numbers = [1.234, None, 1234, -2.5e-07, 1e300]
    texts = ["1,234", "", "1.234", "-2,5E-07", "1e300"], ["1.234", "NA", "1,234", "-.00000025", "1e300"]
    plain = ["1.234", "?", "1234", "-2.5e-7", "1e300"]
    as_text = [dict(zip("abc", cells, strict=True)) for cells in zip(*texts, plain, strict=True)]
    mixed = [dict.fromkeys("abc", cell) for cell in numbers]
    for rows in (as_text, mixed, [*mixed[:2], *as_text[2:]]):
        read, _ = reader.read(rows)
        for name in "abc":
            np.testing.assert_array_equal(read[name], np.array(numbers, dtype=float))
    with pytest.raises(InvalidInput, match=r"row 2, column 'a': .* such as 1\.234,5 .*, got '1\.5'"):
        reader.read([{"a": 1.5}, {"a": "1.5"}])
    with pytest.raises(InvalidInput, match=r"row 1, column 'a'.*'true'"):
        reader.read([{"a": True}])


def test_the_formats_of_columns_are_in_card_and_file():
    column = Column("a", ColumnType.NUMBER, number_format=NumberFormat.DECIMAL_COMMA)
    shape = TableShape("t", "regression", (column, Column("b", ColumnType.NUMBER)), ())
    fields = json.loads(shape.as_json())
    assert fields["columns"][0]["number_format"] == "1.234,5"
    assert "number_format" not in fields["columns"][1]
    assert TableShape.of(fields) == shape
