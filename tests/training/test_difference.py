"""Two outcomes in, one comparison out."""

from __future__ import annotations

from typing import Any

import pytest

from storage.job import JobState
from training.difference import Outcome, difference

CONDITIONS = {"libraries.torch": "2.14.0", "device.threads": 2, "code_sha256": "c0de", "params.image_size": 64}


def outcome(state: JobState = JobState.SUCCEEDED, **changes: Any) -> Outcome:
    values: dict[str, Any] = {
        "metrics": {"map50": 0.913, "precision": 0.5, "per_class.cat.map50": 0.9, "per_class.dog.map50": None},
        "files": {"model.onnx": "1", "weights.pt": "2"},
        "conditions": CONDITIONS,
    }
    return Outcome(state, **{**values, **changes})


def test_the_same_twice_is_said_to_be_the_same_to_the_last_digit():
    found = difference(outcome(), outcome())
    assert found["summary"] == "the same to the last digit; the ONNX file is identical"
    assert found["identical_files"] == {"model.onnx": True, "weights.pt": True}
    assert found["conditions"] == []
    assert [row["name"] for row in found["metrics"]] == list(outcome().metrics)
    assert {row["difference"] for row in found["metrics"]} == {0.0, None}


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (
            outcome(
                metrics={**outcome().metrics, "map50": 0.916}, conditions={**CONDITIONS, "libraries.torch": "2.15"}
            ),
            "map50 differs by 0.003 (0.913 -> 0.916); the ONNX file is identical; torch differs: 2.14.0 -> 2.15",
        ),
        (
            outcome(metrics={**outcome().metrics, "per_class.dog.map50": 0.25}, files={"model.onnx": "9"}),
            "per_class.dog.map50 was none and is 0.25; the ONNX file is not identical",
        ),
        (
            outcome(metrics={"map50": 0.9, "precision": 0.4, "per_class.cat.map50": 0.8, "per_class.dog.map50": 0.1}),
            "map50 differs by 0.013 (0.913 -> 0.9); precision differs by 0.1 (0.5 -> 0.4); 2 more metrics differ",
        ),
        (
            outcome(
                conditions={**CONDITIONS, "code_sha256": "1", "device.threads": 4, "libraries.onnx": "1", "params.x": 1}
            ),
            "device.threads differs: 2 -> 4; the code differs; onnx differs: none -> 1; 1 more condition differs",
        ),
        (
            outcome(JobState.FAILED, reason="out of memory", metrics={}, files={}),
            "this training ended failed (out of memory), so there are no metrics to compare",
        ),
        (
            outcome(JobState.CANCELLED, reason="cancelled", metrics={}, files={}),
            "this training ended cancelled, so there are no metrics to compare",
        ),
    ],
)
def test_what_differs_is_said_in_words(now: Outcome, words: str):
    assert words in difference(outcome(), now)["summary"]


def test_a_training_that_did_not_succeed_then_is_nothing_to_compare_with():
    found = difference(outcome(JobState.FAILED, reason="it crashed", metrics={}, files={}), outcome())
    assert found["summary"].startswith("the training that is repeated ended failed (it crashed), so there are no")
    assert found["identical_files"] == {}
    assert {(row["before"], row["difference"]) for row in found["metrics"]} == {(None, None)}


def test_what_was_never_known_of_one_of_them_is_not_said_to_differ():
    early = outcome(JobState.CANCELLED, metrics={}, files={}, conditions={"code_sha256": "c0de"})
    assert difference(outcome(), early)["conditions"] == []
    assert difference(early, outcome())["conditions"] == []


def test_metrics_that_differ_come_first_with_before_and_now():
    found = difference(outcome(), outcome(metrics={**outcome().metrics, "per_class.cat.map50": 0.7}))
    assert found["metrics"][0].items() >= {"name": "per_class.cat.map50", "before": 0.9, "now": 0.7}.items()
    assert found["metrics"][0]["difference"] == pytest.approx(-0.2)
    assert len(found["metrics"]) == 4
