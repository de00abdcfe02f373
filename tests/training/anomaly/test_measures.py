"""Thresholds and metrics, against what they are known to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inference.anomaly.following import Memory, Rules, follow
from training.anomaly.calibration import calibrate
from training.anomaly.metrics import area_under_roc, by_events, by_ranges, by_rows, false_alarms, ranges
from training.anomaly.thresholds import ThresholdMethod, peaks_over_threshold, threshold

QUANTILE, EXTREME = ThresholdMethod.QUANTILE, ThresholdMethod.EXTREME_VALUE


def _flags(text: str) -> np.ndarray:
    return np.array([c == "1" for c in text])


def test_rows_are_counted_as_everybody_counts_them():
    from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

    random = np.random.default_rng(0)
    labels, scores = random.random(300) < 0.3, random.integers(0, 20, 300) / 20
    alarms = scores > 0.6
    found = by_rows(labels, alarms)
    assert found["f1"] == pytest.approx(f1_score(labels, alarms))
    assert found["precision"] == pytest.approx(precision_score(labels, alarms))
    assert found["recall"] == pytest.approx(recall_score(labels, alarms))
    assert found["missing_alarm_rate"] == pytest.approx(1 - found["recall"])
    assert found["false_alarm_rate"] == pytest.approx(alarms[~labels].mean())
    assert area_under_roc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))


def test_a_range_that_is_met_by_two_is_half_as_well_met():
    labels, alarms = _flags("0111100000"), _flags("0101000011")
    assert ranges(labels) == [(1, 5)]
    found = by_ranges(labels, alarms)
    assert found["range_recall"] == pytest.approx((2 / 4) / 2)
    assert found["range_precision"] == pytest.approx((1 + 1 + 0) / 3)


def test_the_delay_is_counted_from_the_first_row_of_an_event():
    found = by_events(_flags("0111100110"), _flags("1000110000"))
    assert found == {"events": 2, "events_detected": 1, "detection_delay_rows": 3.0}


def test_no_alarm_in_few_rows_proves_little():
    few, many = false_alarms(np.zeros(40, bool), 10), false_alarms(np.zeros(40_000, bool), 10)
    assert few["rate"] == many["rate"] == 0
    assert few["interval_95"][1] > 0.3
    assert many["interval_95"][1] < 0.002


@pytest.mark.parametrize("tail", ["exponential", "normal", "uniform"])
def test_peaks_over_a_threshold_tell_of_what_is_rarer_than_the_rows(tail: str):
    random = np.random.default_rng(1)
    draw: Any = {"exponential": random.exponential, "normal": random.normal, "uniform": random.random}[tail]
    guessed = np.mean([peaks_over_threshold(draw(size=500), 1e-4) for _ in range(20)])
    true = np.quantile(draw(size=1_000_000), 1 - 1e-4)
    assert guessed == pytest.approx(true, rel=0.25)


def test_contaminated_rows_do_not_raise_the_threshold():
    random = np.random.default_rng(2)
    scores = np.exp(random.normal(0, 0.3, 1000))
    clean = threshold(scores, 0.01, QUANTILE)
    scores[:50] = 100
    assert threshold(scores, 0.01, QUANTILE) > 50
    assert threshold(scores, 0.01, QUANTILE, robust=True) == pytest.approx(clean, rel=0.35)


def test_normal_rows_raise_the_alarm_as_rarely_as_was_asked():
    raw = np.random.default_rng(3).gamma(4, 1, 20_000)
    rules = calibrate([raw[:10_000]], 0.01, QUANTILE, Rules(1.0, smoothing=0.15))
    alarms = follow(raw[10_000:], Memory.begin(rules), rules)[0].anomalies
    assert alarms.mean() == pytest.approx(0.01, rel=0.8)


def test_a_lasting_change_is_told_once_with_its_delay_and_so_is_the_way_back():
    random = np.random.default_rng(4)
    normal = random.gamma(9, 1 / 9, 600)
    rules = calibrate([normal], 0.01, QUANTILE, Rules(1.0, smoothing=0.15, release=0.7))
    raw = np.concatenate([normal[:200], 4 + normal[:200], normal[:200]])
    changes = np.flatnonzero(follow(raw, Memory.begin(rules), rules)[0].changes)
    assert len(changes) >= 2
    assert 200 <= changes[0] < 215
    assert any(400 <= change < 430 for change in changes)
    assert len(changes) <= 4


def _alarms(raw: np.ndarray, rules: Rules) -> np.ndarray:
    return follow(raw, Memory.begin(rules), rules)[0].anomalies


def test_scores_that_creep_are_followed_and_a_fault_on_top_of_them_is_told():
    creeping = np.linspace(0.5, 1.6, 4_000)
    strict, patient = Rules(1.0), Rules(1.0, drift_rows=400)
    assert _alarms(creeping, strict)[-1_000:].all()
    assert not _alarms(creeping, patient)[:3_000].any()
    faulty = creeping.copy()
    faulty[2_000:2_200] += 2.0
    assert _alarms(faulty, patient)[2_000:2_200].all()


def test_a_fault_that_lasts_stays_an_alarm_although_drift_is_followed():
    rules = Rules(1.0, release=0.7, drift_rows=100)
    assert _alarms(np.concatenate([np.full(200, 0.5), np.full(5_000, 2.0)]), rules)[200:].all()


def test_drift_is_followed_in_any_pieces_alike():
    raw = np.random.default_rng(5).gamma(4, 0.2, 300)
    rules = Rules(1.0, smoothing=0.3, drift_rows=50)
    whole, end = follow(raw, Memory.begin(rules), rules)
    scores, memory = [], Memory.begin(rules)
    for piece in np.array_split(raw, 23):
        told, memory = follow(piece, memory, rules)
        scores.append(told.scores)
    assert np.concatenate(scores).tolist() == whole.scores.tolist()
    assert memory == end
