"""Rows are judged as they come: in any pieces, by nothing that follows, and with a state that fits in a message."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference.anomaly.judging import Judge, Judged, State
from inference.anomaly.windows import carried, windows
from inference.sessions import open_session
from tests.training.anomaly.series import SENSORS, readings, series, train
from training.protocol import TrainedModel
from utils import InvalidInput

START = 1_767_225_600


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    folder = tmp_path_factory.mktemp("judged")
    return train(series(folder), folder, detector="pca", window=8)[0]


@pytest.fixture(scope="module")
def judge(model: TrainedModel) -> Judge:
    return Judge(open_session(model.onnx_path, threads=1), model.card)


def rows_of(values: np.ndarray, start: float = START) -> list[dict]:
    rows = [dict(zip(SENSORS, row, strict=True)) for row in values.tolist()]
    for row in rows[::9]:
        row["pressure"] = None
    return [{**row, "at": start + number} for number, row in enumerate(rows)]


def judged(judge: Judge, rows: list[dict]) -> list[Judged]:
    return judge.judge(judge.begin(), rows)[0]


@pytest.fixture(scope="module")
def faulty() -> list[dict]:
    return rows_of(readings(200, (120, 180), 9))


def test_a_fault_is_told_as_long_as_it_lasts_with_the_sensor_and_the_change(judge: Judge, faulty: list[dict]):
    found = judged(judge, faulty)
    alarms = np.array([row.anomaly for row in found])
    assert alarms[125:180].mean() > 0.9
    assert alarms[:120].mean() < 0.3
    assert max(found[150].contributions, key=found[150].contributions.get) in {"flow", "heat"}
    assert any(row.change_point for row in found[110:150])
    assert found[150].score > 1
    assert found[150].at == "2026-01-01T00:02:30Z"


def test_no_row_is_judged_by_what_follows(judge: Judge, faulty: list[dict]):
    found = judged(judge, faulty)
    other = judged(judge, [*faulty[:100], *rows_of(readings(100, (0, 100), 3) * 5, START + 100)])
    assert [row.to_row() for row in other[:100]] == [row.to_row() for row in found[:100]]


@pytest.mark.parametrize("size", [1, 3, 7, 64])
def test_pieces_of_any_size_give_what_all_rows_at_once_give(judge: Judge, faulty: list[dict], size: int):
    state, found = judge.begin(), []
    for start in range(0, len(faulty), size):
        answers, state = judge.judge(State.of_bytes(state.to_bytes()), faulty[start : start + size], start + 1)
        found += answers
    for mine, whole in zip(found, judged(judge, faulty), strict=True):
        assert mine.score == pytest.approx(whole.score, rel=1e-9)
        assert (mine.anomaly, mine.change_point, mine.warming_up) == (
            whole.anomaly,
            whole.change_point,
            whole.warming_up,
        )


def test_the_first_rows_warm_up_and_so_do_those_after_a_long_silence(judge: Judge, faulty: list[dict]):
    later = rows_of(readings(30, seed=2), START + 10_000)
    found = judged(judge, [*faulty[:40], *later])
    warm = [number for number, row in enumerate(found) if row.warming_up]
    assert warm == [*range(7), *range(40, 47)]
    assert not any(found[number].anomaly for number in warm)
    _, state = judge.judge(judge.begin(), faulty[:40])
    assert judge.judge(state, later)[0][0].warming_up


def test_contributions_are_shares(judge: Judge, faulty: list[dict]):
    for row in judged(judge, faulty):
        assert sum(row.contributions.values()) == pytest.approx(1) or row.score == 0
        assert min(row.contributions.values()) >= 0


def test_a_judgement_survives_json(judge: Judge, faulty: list[dict]):
    row = judged(judge, faulty)[18]
    assert row.values["pressure"] is None
    assert Judged.of(json.loads(json.dumps(row.to_row(), allow_nan=False))) == row


def test_a_state_is_small_names_its_model_and_says_when_it_is_none(judge: Judge, faulty: list[dict]):
    _, state = judge.judge(judge.begin(), faulty)
    content = state.to_bytes()
    assert len(content) < 500
    with pytest.raises(ValueError, match="version 9"):
        State.of_bytes(b"\x09" + content[1:])
    for broken in (b"", content[:-3], content[:20]):
        with pytest.raises(ValueError, match="state"):
            State.of_bytes(broken)
    other = replace(state, model=bytes(16))
    assert judge.judge(other, faulty[:1])[0][0].warming_up
    assert not judge.judge(state, rows_of(readings(1), START + 200))[0][0].warming_up


def test_a_row_that_cannot_be_read_is_named_and_nothing_is_judged(judge: Judge, faulty: list[dict]):
    bad = [*faulty[:3], {**faulty[3], "flow": "a lot"}]
    with pytest.raises(InvalidInput, match="row 4, column 'flow'"):
        judge.judge(judge.begin(), bad)
    with pytest.raises(InvalidInput, match="row 2, column 'at'"):
        judge.judge(judge.begin(), [faulty[0], {**faulty[1], "at": "yesterday"}])
    for rows in ([1], [{"other": 1}], [{"flow": True}], [{"flow": math.inf}], [{"flow": 10**400}]):
        with pytest.raises(InvalidInput):
            judge.judge(judge.begin(), rows)
    assert judge.judge(judge.begin(), [])[0] == []


@pytest.mark.parametrize("at", [1e300, -1e300, "1e40"])
def test_a_time_that_no_calendar_has_is_refused_before_it_makes_all_others_late(judge: Judge, at: float | str):
    with pytest.raises(InvalidInput, match="row 1, column 'at': must be a "):
        judged(judge, [{"flow": 1.0, "at": at}])


def test_texts_and_numbers_are_read_alike(judge: Judge):
    texts = [{"flow": " 20.5 ", "pressure": "", "heat": "n/a", "always": "7", "at": "2026-01-01 00:00:00"}]
    numbers = [{"flow": 20.5, "pressure": None, "heat": math.nan, "always": 7, "at": START}]
    assert judged(judge, texts) == judged(judge, numbers)


def test_many_threads_judge_with_one_model(judge: Judge, faulty: list[dict]):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: judged(judge, faulty), range(8)))
    assert all(one == found[0] for one in found)


def test_missing_readings_are_carried_on_for_a_while():
    values = np.array([[1.0, 5], [np.nan, np.nan], [np.nan, 6], [np.nan, np.nan], [2, np.nan]])
    filled, ages = carried(values, np.empty((0, 2)), np.zeros(2), 2)
    assert np.array_equal(filled, [[1, 5], [1, 5], [1, 6], [np.nan, 6], [2, 6]], equal_nan=True)
    assert ages.tolist() == [0, 2]
    again, ages = carried(np.full((1, 2), np.nan), filled, ages, 2)
    assert np.array_equal(again, [[2, np.nan]], equal_nan=True)
    assert ages.tolist() == [1, 3]


def test_a_window_ends_with_its_row():
    rows = np.arange(10.0).reshape(5, 2)
    [found] = windows(rows[:1], rows[1:], 3, 10)
    assert found[:, -1].tolist() == rows[1:].tolist()
    assert found[-1].tolist() == rows[2:].tolist()
    assert found[0].tolist() == [rows[0].tolist(), rows[0].tolist(), rows[1].tolist()]


def test_judging_needs_neither_torch_nor_scikit_learn(model: TrainedModel, tmp_path: Path):
    import subprocess
    import sys

    from tests.conftest import ROOT

    (tmp_path / "card.json").write_text(model.card.model_dump_json())
    code = f"""
import sys
from pathlib import Path
from inference.anomaly.judging import Judge
from inference.protocol import ModelCard
from inference.sessions import open_session
card = ModelCard.model_validate_json(Path({str(tmp_path / "card.json")!r}).read_text())
judge = Judge(open_session(Path({str(model.onnx_path)!r}), threads=1), card)
print(len(judge.judge(judge.begin(), [{{"flow": 20}}] * 5)[0]))
assert not {{"torch", "sklearn", "scipy", "matplotlib", "polars", "training"}} & set(sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == "5\n", run.stderr
