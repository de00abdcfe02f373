"""Rows of time series in, one answer a row out, and figures of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inference.anomaly.figures import FIGURES
from inference.anomaly.predictor import AnomalyPredictor
from inference.answers import RowPredictions
from inference.protocol import Bounds, Options
from inference.sessions import open_session
from tests.inference.anomaly.models import distance_model, series_card
from utils import InvalidInput, TooLarge

PNG = b"\x89PNG\r\n"


@pytest.fixture(scope="module")
def predictor() -> AnomalyPredictor:
    """Of windows of three rows, of several machines."""
    content = distance_model(3)
    card = series_card(content, 3, time="at", series="machine", smoothing=0.5)
    return AnomalyPredictor(open_session(content, threads=1), card)


def ask(predictor: AnomalyPredictor, sent: Any, most_rows: int = 100, **options: Any) -> RowPredictions:
    reading = predictor.read(json.dumps(sent).encode(), Bounds(0, most_rows))
    return predictor.answer(predictor.forward(reading.inputs), reading, Options(**options), False)


def rows(machine: str, *flows: float, first: int = 0) -> list[dict[str, Any]]:
    return [
        {"machine": machine, "flow": flow, "heat": 1, "at": f"2026-03-09T10:00:{number:02}Z"}
        for number, flow in enumerate(flows, first)
    ]


def test_each_series_is_judged_by_its_own_rows_whatever_comes_between(predictor: AnomalyPredictor):
    calm, wild = rows("a", 1, 1, 1, 1, 1), rows("b", 1, 30, 30, 30, 30)
    turns = [row for pair in zip(calm, wild, strict=True) for row in pair]
    together = ask(predictor, turns).predictions
    assert together[0::2] == ask(predictor, calm).predictions
    assert together[1::2] == ask(predictor, wild).predictions
    assert [row["anomaly"] for row in together[1::2]] == [False, False, True, True, True]
    assert not any(row["anomaly"] for row in together[0::2])
    assert [row["warming_up"] for row in together[0::2]] == [True, True, False, False, False]
    assert together[-1]["values"] == {"flow": 30.0, "heat": 1.0}
    assert together[-1]["contributions"]["flow"] == pytest.approx(30 / 31)
    assert together[-1]["at"] == "2026-03-09T10:00:04Z"


def test_what_is_remembered_of_rows_goes_on_with_the_next(predictor: AnomalyPredictor):
    sent = [*rows("a", 1, 9, 1, 20), *rows("b", 3), *rows("a", 2, 4, first=4), *rows("b", 1, 2, first=1)]
    whole = ask(predictor, sent).predictions
    begun = ask(predictor, sent[:5])
    rest = ask(predictor, {"rows": sent[5:7], "state": begun.state})
    last = ask(predictor, {"rows": sent[7:], "state": rest.state})
    assert begun.predictions + rest.predictions + last.predictions == whole


def test_whatever_is_odd_about_columns_is_told(predictor: AnomalyPredictor):
    answer = ask(predictor, [{"flow": "3.5", "machine": None, "extra": 1}])
    assert answer.predictions[0]["values"] == {"flow": 3.5, "heat": None}
    absent, extra, warm = answer.warnings
    assert "first 2 rows of the series warm up" in warm
    assert "1 sensor not there, taken as missing: 'heat'" in absent
    assert "'extra'" in extra
    [told, _] = ask(predictor, [{"flow": 3.5, "heat": 1}]).warnings
    assert told == "the column 'machine', which tells series apart, is not there: all rows are taken for one"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ([], "at least one, got none"),
        ("x", "must be a list"),
        ([3], "row 1 must be an object"),
        ([{"x": 1}], "none of the sensors"),
        ([*rows("a", 1), *rows("b", 1), {"machine": "b", "flow": "much"}], "row 3, column 'flow': must be a finite"),
        ([*rows("a", 1), {"machine": "b", "flow": 1, "at": "soon"}], "row 2, column 'at': must be"),
        ([{"flow": 1, "machine": [1]}], "row 1, column 'machine': a cell must be"),
    ],
)
def test_what_cannot_be_read_is_refused_with_row_and_column(predictor: AnomalyPredictor, sent: Any, why: str):
    with pytest.raises(InvalidInput) as raised:
        ask(predictor, sent)
    assert why in raised.value.detail


def test_so_many_rows_are_judged_at_a_time(predictor: AnomalyPredictor):
    with pytest.raises(TooLarge, match="3 rows, at most 2"):
        ask(predictor, rows("a", 1, 2, 3), most_rows=2)


def test_figures_are_drawn_of_one_series(predictor: AnomalyPredictor):
    sent = rows("a", *[1] * 10, *[40] * 5, *[1] * 10)
    drawn = ask(predictor, sent, figures=["series", "contributions"], title="Pump 7").figure
    assert drawn
    assert {"flow", "heat", "score", "threshold"} <= {trace["name"] for trace in drawn["data"]}
    assert drawn["data"][0]["x"][0] == "2026-03-09T10:00:00Z"
    assert drawn["layout"]["title"]["text"] == "Pump 7"
    json.dumps(drawn, allow_nan=False)
    picture = ask(predictor, sent, figures=tuple(FIGURES), png=True).picture
    assert picture
    assert picture.startswith(PNG)
    assert ask(predictor, sent).figure is None
    with pytest.raises(InvalidInput, match=r"figures are .*, got 'pie'"):
        ask(predictor, sent, figures=["pie"])
    with pytest.raises(InvalidInput, match="these are of 'a', 'b'"):
        ask(predictor, [*rows("a", 1), *rows("b", 1)], figures=["score"])
