"""The arithmetic behind the table."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.serving.loads import between
from benchmarks.serving.models import ServedModel, relabelled, variants
from benchmarks.serving.parts.overload import recovery_seconds
from benchmarks.serving.parts.popularity import popular
from benchmarks.serving.plan import Outcome
from benchmarks.serving.statistics import median, percentile, ratio
from benchmarks.serving.table import Row, Target, table
from inference.check import check_model
from inference.sessions import open_session
from tests.inference.models import brightness_model


def test_a_percentile_is_the_smallest_value_that_enough_others_do_not_exceed() -> None:
    values = list(range(100, 0, -1))
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile(values, 1)) == (50, 95, 100)
    assert percentile([7], 0.95) == 7
    assert math.isnan(percentile([], 0.5))


def test_medians_leave_out_what_is_no_number() -> None:
    assert median([3, 1, 2]) == 2
    assert median([1, 2, 3, math.nan, 4]) == 2.5
    assert math.isnan(median([math.nan]))
    assert ratio(3, 2) == 1.5
    assert math.isnan(ratio(3, 0))


def test_what_ended_during_the_warm_up_does_not_count() -> None:
    outcome = Outcome(
        begun=[0, 0.5, 1, 1, 1, 9], seconds=[0.9, 1, 0.1, 0.2, 0.3, 9], status=[200, 200, 200, 503, 0, 200]
    )
    seen = between(outcome, 1, 3)
    assert (seen.answered, seen.refused, seen.failed) == (2, 1, 1)
    assert seen.per_second == 1
    assert (seen.p50_ms, seen.p95_ms) == (pytest.approx(100), 1000)
    assert seen.refused_p95_ms == 200


def test_what_is_begun_in_time_can_count_however_long_it_takes() -> None:
    outcome = Outcome(begun=[0, 1, 2], seconds=[1, 50, 1], status=[200, 200, 200])
    assert between(outcome, 1, 2, begun_then=True).p95_ms == 50_000
    assert between(outcome, 1, 2).p95_ms == 1000


def test_a_target_that_is_no_number_is_not_met() -> None:
    assert Target("<= 2", 2, at_most=2).met
    assert not Target("<= 2", 2.1, at_most=2).met
    assert not Target(">= 0.9", math.nan, at_least=0.9).met


def test_the_table_shows_ratios_and_whether_targets_are_met() -> None:
    shown = table([Row("p", "what", "9/s", "10/s", 0.9, Target(">= 0.95", 0.9, at_least=0.95)), Row("p", "more", "1")])
    first, line, *rows = shown.splitlines()
    assert len({len(each) for each in (first, line, *rows)}) == 1
    assert [cell.strip() for cell in rows[0].strip("|").split("|")] == ["what", "9/s", "10/s", "0.90", ">= 0.95", "NO"]
    assert [cell.strip() for cell in rows[1].strip("|").split("|")] == ["more", "1", "", "", "", ""]


def test_recovery_ends_when_three_of_the_last_five_answers_were_as_fast_as_before() -> None:
    slow, fast = 2.0, 0.1
    took = [slow, fast, slow, fast, slow, slow, fast, fast, fast, fast, fast]
    begun = [sum(took[:index]) for index in range(len(took))]
    outcome = Outcome(started=100.0, begun=begun, seconds=took, status=[200] * len(took))
    assert recovery_seconds(outcome, ended=100.0, idle=fast) == pytest.approx(begun[7] + fast)
    refused = Outcome(started=100.0, begun=begun, seconds=took, status=[503] * len(took))
    assert math.isnan(recovery_seconds(refused, ended=100.0, idle=fast))


def test_few_models_are_asked_for_often_and_many_seldom() -> None:
    counts = Counter(popular(1000, 50_000))
    assert counts[0] / counts[9] == pytest.approx(10**1.1, rel=0.2)
    assert len(counts) > 900


def test_copies_have_bytes_of_their_own_and_give_the_same_answers() -> None:
    content = brightness_model()
    image = np.full((1, 16, 16, 3), 51, np.uint8)
    copies = [relabelled(content, number) for number in (1, 2, 1000)]
    assert len({content, *copies}) == 4
    for copy in copies:
        check_model(copy)
        assert open_session(copy).run(None, {"images": image})[0][0, 0] == pytest.approx(0.2)


def test_variants_of_a_model_give_answers_that_can_be_told_apart(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "weights")
    shape = [1, 1, 2, 2]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["images", "weights"], ["seen"])],
        "one",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("seen", TensorProto.FLOAT, shape)],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    images = {"images": np.ones(shape, np.float32)}
    answers = [
        float(open_session(variant).run(None, images)[0].max())
        for variant in variants(ServedModel("one", "one", tmp_path), 10)
    ]
    assert answers[0] == 1
    assert len(set(answers)) == 10
