"""Each detector by itself: it sees what is odd, names the sensor, and is the same as a graph."""

from __future__ import annotations

import numpy as np
import pytest

from inference.check import check_model
from inference.sessions import open_session
from tests.training.anomaly.series import readings
from tests.training.anomaly.stretches import stretch
from training.anomaly.data import training_windows
from training.anomaly.detectors.protocol import Fitting
from training.anomaly.detectors.registry import DETECTORS
from training.anomaly.fitting import Candidate, fit_and_try
from training.anomaly.model import AnomalyModel, Member
from training.anomaly.scaling import BOUND, Scaling

WINDOW = 8


@pytest.fixture(scope="module", params=list(DETECTORS))
def model(request: pytest.FixtureRequest) -> AnomalyModel:
    detector = DETECTORS[request.param]
    windows = training_windows([stretch(readings(160))], WINDOW, True)
    scaling = Scaling.fit(windows[:, -1])
    given = {"trees": 20} if detector.NAME == "isolation_forest" else {}
    tried = fit_and_try(Candidate(detector, detector.Params(**given)), scaling.apply(windows), Fitting(0, epochs=2))
    return AnomalyModel(scaling, [Member(detector.NAME, tried.fitted, tried.unit)], WINDOW)


def test_a_fault_scores_more_than_normal_rows_and_its_sensor_is_named(model: AnomalyModel):
    values = readings(200, seed=5)
    values[100:, 1] += 3
    windows = stretch(values).windows(WINDOW)
    score, parts = model.score(windows)
    normal, faulty = score[: 100 - WINDOW], score[110:]
    assert np.median(faulty) > 1.5 * np.median(normal)
    assert parts[110:].mean(0).argmax() == 1


def test_the_file_gives_the_scores_of_the_model_it_came_from(model: AnomalyModel):
    content = model.export()
    check_model(content)
    values = readings(120, seed=6)
    values[50:60, 0] = np.nan
    values[70:, 2] += 1e6
    values[90:, 3] = 8
    windows = np.ascontiguousarray(stretch(values).windows(WINDOW))
    score, parts = open_session(content, threads=1).run(["score", "contributions"], {"window": windows})
    native, native_parts = model.score(windows)
    assert score.dtype == parts.dtype == np.float64
    assert np.allclose(score, native, rtol=1e-3 if model.members[0].name == "autoencoder" else 1e-7)
    assert np.allclose(parts, native_parts, rtol=1e-3, atol=1e-6)
    assert np.isfinite(score).all()
    assert (parts >= 0).all()
    assert np.allclose(parts.sum(1), score)


def test_every_detector_has_parameters_with_ranges_and_meanings():
    for name, detector in DETECTORS.items():
        assert name == detector.NAME
        for field in detector.Params.model_fields.values():
            assert field.description
            assert field.default is not None


def test_readings_are_scaled_so_that_neither_outliers_nor_steps_nor_gaps_spoil_it():
    random = np.random.default_rng(0)
    values = random.normal(size=(400, 4)) * [1, 0.001, 1, 0] + [0, 5, 0, 50]
    values[::50, 0] = 1e9
    values[:, 2] = np.round(values[:, 2] / 4) * 4
    values[::3, 1] = np.nan
    scaling = Scaling.fit(values)
    assert scaling.scales[0] == pytest.approx(1, abs=0.2)
    assert scaling.scales[1] == pytest.approx(0.001, rel=0.2)
    assert 0.3 <= scaling.scales[2] <= 2
    assert scaling.scales[3] == 0.5
    scaled = scaling.apply(values)
    assert np.abs(scaled).max() <= BOUND
    assert (scaled[::3, 1] == 0).all()


@pytest.mark.parametrize("levels", [2, 5, 30])
def test_a_wild_reading_moves_no_scale_of_a_sensor_that_reads_in_steps(levels: int):
    values = (np.arange(400) % levels / 10)[:, None]
    calm = Scaling.fit(values).scales[0]
    values[100] = 1e9
    assert Scaling.fit(values).scales[0] == pytest.approx(calm, rel=0.1)


def test_a_sensor_that_was_never_read_adds_nothing():
    scaling = Scaling.fit(np.full((10, 1), np.nan))
    assert (scaling.apply(np.full((3, 1), np.nan)) == 0).all()
    # Where it begins to read after the training, nobody knows what is usual of it.
    assert np.abs(scaling.apply(np.array([[-273.15], [1e9]]))).max() < 1e-9


def test_of_mixed_data_the_odd_rows_do_not_become_normal():
    values = readings(300)
    values[100:120, 0] += 6
    windows = training_windows([stretch(values)], WINDOW, True)
    scaled = Scaling.fit(windows[:, -1]).apply(windows)
    detector = DETECTORS["control_chart"]
    odd = slice(108, 112)
    plain, robust = (
        fit_and_try(Candidate(detector, detector.Params()), scaled, Fitting(0, robust)).fitted.score(scaled)[0]
        for robust in (False, True)
    )
    assert robust[odd].mean() / np.median(robust) > 1.5 * plain[odd].mean() / np.median(plain)
