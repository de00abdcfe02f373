"""Figures of judged rows: as values that JSON can hold, and as PNG."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from inference.anomaly.figures import FIGURES, figure, png
from inference.anomaly.judging import Judged
from utils import InvalidInput


def _judged(count: int, at: bool = True) -> list[Judged]:
    return [
        Judged(
            score=2.0 if 10 <= number < 15 else 0.5,
            anomaly=10 <= number < 15,
            contributions={"$flow$": 0.75, "heat": 0.25},
            values={"$flow$": float(number), "heat": None},
            at=f"2026-01-01T00:00:{number:02d}Z" if at else None,
            change_point=number == 12,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_plain_json_over_the_rows(name: str):
    drawn = figure([name], _judged(20), "A pump", labels=[number > 10 for number in range(20)])
    assert json.loads(json.dumps(drawn, allow_nan=False)) == drawn
    assert drawn["layout"]["title"]["text"] == "A pump"
    assert all(trace["type"] == "scatter" and len(trace["x"]) == len(trace["y"]) == 20 for trace in drawn["data"])
    bands = [(shape["x0"], shape["x1"]) for shape in drawn["layout"]["shapes"]]
    assert ("2026-01-01T00:00:10Z", "2026-01-01T00:00:14Z") in bands


def test_several_figures_are_panels_over_one_axis():
    drawn = figure(["series", "score"], _judged(20, at=False), "Both")
    assert {trace["yaxis"] for trace in drawn["data"]} == {"y", "y2"}
    assert drawn["layout"]["xaxis2"]["matches"] == "x"
    assert drawn["data"][0]["x"] == list(range(1, 21))


def test_a_picture_has_the_size_that_was_asked_for():
    picture = Image.open(io.BytesIO(png(list(FIGURES), _judged(20), "A $pump$ \x00", (640, 480))))
    assert (picture.format, picture.size) == ("PNG", (640, 480))


@pytest.mark.parametrize("wild", [1e200, -1.7e308, 5e-324])
def test_what_a_broken_sensor_reads_is_drawn_as_well(wild: float):
    rows = [replace(row, values={"$flow$": wild if number == 7 else 0.0}) for number, row in enumerate(_judged(20))]
    values = next(trace for trace in figure(["series"], rows, "Wild")["data"] if trace["name"] == "$flow$")["y"]
    assert np.argmax(np.abs(values)) == 7
    assert np.isfinite(values).all()
    assert png(["series"], rows, "Wild")


def test_no_rows_make_an_empty_figure():
    assert figure(["score"], [], "Nothing")["data"][0]["y"] == []
    assert png(["score"], [], "Nothing")


def test_an_unknown_figure_is_refused_with_those_there_are():
    for names in (["pie"], []):
        with pytest.raises(InvalidInput, match="series, contributions, score"):
            figure(names, _judged(1), "")
        with pytest.raises(InvalidInput):
            png(names, _judged(1), "")
