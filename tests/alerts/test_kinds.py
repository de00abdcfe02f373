"""When rows are an incident, and when it is over: each kind by itself."""

from __future__ import annotations

import typing
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.kinds import KINDS, Verdict
from api.v1.alert_schemas import KindName
from tests.alerts.conftest import a_row


def said(kind: str, scores: list[float], step_seconds: float = 1, **parameters: Any) -> str:
    """What each row means: `(` begins an incident, `)` ends it, `.` neither; each row by a look that was stored."""
    values, stored, is_open, text = KINDS[kind].parameters.model_validate(parameters).model_dump(), {}, False, ""
    for number, score in enumerate(scores):
        look = KINDS[kind].look(values, stored)
        verdict = look.see(a_row(score), number * step_seconds, is_open)
        is_open = {Verdict.OPEN: True, Verdict.CLOSE: False}.get(verdict, is_open)
        text += {Verdict.OPEN: "(", Verdict.CLOSE: ")"}.get(verdict, ".")
        stored = look.to_row()
    return text


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([2, 0, 2, 0, 2, 0, 0, 0, 0, 0], "....(....)"),
        ([2, 0, 0, 2, 0, 0, 2, 0, 0, 2], ".........."),
        # Between the two levels it neither begins nor ends.
        ([2, 2, 2, 0.95, 0.95, 0.95, 0.95, 0.95, 0.95], "..(......"),
        ([2, 2, 2, 0, 0, 0, 0, 0.95, 0, 0, 0, 0, 0], "..(.........)"),
        ([2, 2, 2, 0, 0, 0, 0, 0, 2, 2, 2], "..(....)..("),
    ],
)
def test_so_many_of_the_last_rows_begin_an_incident_and_a_calm_stretch_ends_it(scores: list[float], expected: str):
    assert said("score", scores, rows=3, of=5) == expected


def test_levels_can_be_set():
    assert said("score", [1.5, 2.5, 1.5, 0.5], level=2, rows=1, of=1, clear_level=1, clear_rows=1) == ".(.)"


@pytest.mark.parametrize(
    ("parameters", "scores", "expected"),
    [
        ({"count": 2, "rows": 4}, [2, 0, 0, 2, 0, 0, 0, 0], "...()..."),
        ({"count": 2, "rows": 4, "clear": 0}, [2, 0, 0, 2, 0, 0, 0, 0], "...(...)"),
        # A share counts once the window is full.
        ({"share": 0.5, "rows": 4}, [2, 2, 0, 0, 0, 0], "...()."),
        ({"share": 0.5, "rows": 4, "least_rows": 1}, [2, 0, 0, 0], "(..)"),
        ({"share": 0.5, "seconds": 30}, [0] * 8 + [2] * 10, "." * 15 + "(.."),
        ({"count": 3, "seconds": 30}, [2, 2, 0, 2], "...("),
    ],
)
def test_a_rate_counts_anomalous_rows_of_a_window(parameters: dict[str, Any], scores: list[float], expected: str):
    assert said("rate", scores, **parameters) == expected


def test_rows_older_than_the_window_do_not_count():
    assert said("rate", [2, 2, 2, 2], step_seconds=20, count=3, seconds=30) == "...."


def test_any_row_ends_a_silence():
    look = KINDS["silence"].look({"seconds": 1.0}, {})
    assert [look.see(a_row(0), 0, is_open) for is_open in (False, True)] == [Verdict.NOTHING, Verdict.CLOSE]


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        ("score", {"rows": 6, "of": 5}, "rows must be at most `of`"),
        ("score", {"level": 1, "clear_level": 1.1}, "clear_level must be at most `level`"),
        ("score", {"level": float("nan")}, "finite number"),
        ("score", {"speed": 1}, "Extra inputs"),
        ("rate", {"rows": 10}, "either `count` or `share`"),
        ("rate", {"rows": 10, "count": 1, "share": 0.1}, "either `count` or `share`"),
        ("rate", {"count": 1}, "either `rows` or `seconds`"),
        ("rate", {"count": 11, "rows": 10}, "count must be at most `rows`"),
        ("rate", {"share": 0.5, "rows": 10, "least_rows": 11}, "least_rows must be at most `rows`"),
        ("silence", {"seconds": 0.5}, "greater than or equal to 1"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(kind: str, parameters: dict[str, Any], message: str):
    with pytest.raises(ValidationError, match=message):
        KINDS[kind].parameters.model_validate(parameters)


def test_what_is_left_out_is_filled_in():
    whole = {"level": 2.0, "rows": 3, "of": 5, "clear_level": 1.8, "clear_rows": 5}
    assert KINDS["score"].parameters.model_validate({"level": 2.0}).model_dump() == whole


def test_the_document_names_every_kind():
    assert set(typing.get_args(KindName)) == set(KINDS)
