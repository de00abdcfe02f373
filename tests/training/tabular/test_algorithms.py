"""Every algorithm learns, and its file gives what it gives itself: on gaps, unseen categories, and thresholds."""

from __future__ import annotations

import numpy as np
import pytest

from inference.check import check_model
from inference.sessions import open_session
from inference.tabular.inputs import NUMBERS, Inputs, TableShape
from tests.training.tabular.tables import table
from training.tabular.algorithms.protocol import Fitting
from training.tabular.algorithms.registry import ALGORITHMS
from training.tabular.data import Parts, load, shape_of
from training.tabular.fitting import Candidate, fit
from training.tabular.metrics import rounded, scores
from training.tabular.validation import candidates

QUICK = {"boosting": {"trees": 30}, "forest": {"trees": 30}, "perceptron": {"iterations": 60, "neurons": 16}}
OTHER = {
    "neighbours": {"nearer_counts_more": True},
    "perceptron": {"activation": "relu", "layers": 2},
    "svm": {"cost": 5},
}
TASKS = {"two classes": 2, "four classes": 4, "values": 0}


@pytest.fixture(scope="module", params=TASKS)
def task(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[TableShape, Parts]:
    dataset = table(tmp_path_factory.mktemp("table"), TASKS[request.param])
    shape = shape_of(dataset)
    return shape, load(dataset, shape, 0)


def hard_rows(parts: Parts) -> Inputs:
    """Validation rows, training rows (whose numbers lie next to thresholds), and wild numbers."""
    rows = {name: np.concatenate([parts.val.inputs[name], stack]) for name, stack in parts.train.inputs.items()}
    wild = {name: stack[:6].copy() for name, stack in parts.train.inputs.items()}
    wild[NUMBERS][:, 0] = [1e308, -1e308, 1e-308, np.nan, 0.0, 1e39]
    return {name: np.concatenate([rows[name], wild[name]]) for name in rows}


@pytest.mark.parametrize("given", [QUICK, {**QUICK, **OTHER}], ids=["default", "other"])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_file_of_an_algorithm_gives_what_it_gives_itself(
    task: tuple[TableShape, Parts], name: str, given: dict[str, dict[str, object]]
):
    if given is not QUICK and name not in OTHER:
        given = {name: {**QUICK.get(name, {})}}
        if name != "linear":
            pytest.skip("one set of parameters tells enough")
    shape, parts = task
    algorithm = ALGORITHMS[name]
    model = fit(Candidate(algorithm, algorithm.Params(**given.get(name, {}))), shape, parts.train, seed=1)
    content = model.export()
    check_model(content)
    rows = hard_rows(parts)
    native, served = model.predict(rows), open_session(content, threads=1).run(None, rows)[0]
    assert np.isfinite(served).all()
    if shape.classes:
        assert served.dtype == np.float32
        assert np.abs(native - served).max() < 1e-6
        assert (native.argmax(1) == served.argmax(1)).all()
        assert np.allclose(served.sum(1), 1, atol=1e-5)
        found = scores(parts.val.targets, served[: len(parts.val)])
        assert found["accuracy"] > {2: 0.7, 4: 0.4}[len(shape.classes)]
    else:
        assert np.allclose(native, served, rtol=1e-9)
        assert scores(parts.val.targets, served[: len(parts.val)])["r2"] > 0.5


def test_a_class_without_a_training_row_keeps_its_place(task: tuple[TableShape, Parts]):
    shape, parts = task
    if len(shape.classes) < 3:
        pytest.skip("needs a class to leave out")
    rows = parts.train.take(parts.train.targets != 1)
    for algorithm in ALGORITHMS.values():
        model = fit(Candidate(algorithm, algorithm.Params(**QUICK.get(algorithm.NAME, {}))), shape, rows, seed=1)
        served = open_session(model.export(), threads=1).run(None, parts.val.inputs)[0]
        assert served.shape[1] == len(shape.classes)
        assert (served[:, 1] == 0).all()
        assert np.abs(model.predict(parts.val.inputs) - served).max() < 1e-6


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_same_seed_gives_the_same_file(task: tuple[TableShape, Parts], name: str):
    shape, parts = task
    algorithm = ALGORITHMS[name]
    candidate = Candidate(algorithm, algorithm.Params(**QUICK.get(name, {})))
    first, second = (fit(candidate, shape, parts.train, seed=3).export() for _ in range(2))
    assert first == second


def test_what_would_grow_with_many_classes_is_left_out():
    assert "boosting" in {candidate.algorithm.NAME for candidate in candidates(3_000, 30)}
    assert "boosting" not in {candidate.algorithm.NAME for candidate in candidates(3_000, 100)}
    features, targets = np.zeros((3_000, 1)), np.arange(3_000) % 100
    algorithm = ALGORITHMS["forest"]
    with pytest.raises(ValueError, match="100 classes make the file too large"):
        algorithm.fit(features, targets, algorithm.Params(), Fitting(100, seed=0))


def test_an_error_in_a_small_unit_keeps_its_digits():
    assert rounded({"mae": 1.2345678e-9, "rows": 3}) == {"mae": 1.23457e-9, "rows": 3}
