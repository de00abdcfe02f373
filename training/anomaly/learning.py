"""From stretches of series to a model with its threshold."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from datasets.tables.schema import VAL_PART
from inference.anomaly.following import Rules
from training.anomaly.calibration import calibrate
from training.anomaly.choosing import Ranked, rank
from training.anomaly.data import Stretch, training_windows
from training.anomaly.detectors.protocol import Fitting
from training.anomaly.detectors.registry import AUTO, DETECTORS
from training.anomaly.fitting import Candidate, Tried, fit_and_try
from training.anomaly.model import AnomalyModel, Member
from training.anomaly.scaling import Scaling
from training.anomaly.trainer import AnomalyParams, TrainOn
from training.anomaly.wild import tamed
from training.protocol import TrainingFailed
from utils import plural

# The others take most of the time, and gain least where rows are few (docs/anomaly.md has figures): whoever wants
# one of them names it.
AUTO_TRIES = ("control_chart", "pca", "mset", "forecast")
_NEVER_SKIPPED = 1


@dataclass(frozen=True)
class Learned:
    """A model and how its scores are read.

    Attributes:
        ranked: every candidate, the best first.
        rules: for all rows to come; `first_rules` of the training rows alone, by which validation rows are judged
            where their own scores would have made the threshold.
    """

    model: AnomalyModel
    ranked: list[Ranked]
    rules: Rules
    first_rules: Rules
    failed: dict[str, str]


def learn(
    found: Sequence[Stretch],
    params: AnomalyParams,
    fitting: Fitting,
    told: Callable[[str, float], None] = lambda line, fraction: None,
) -> Learned:
    """Fit, choose, and find the threshold.

    Args:
        told: hears a line and the fraction done after each detector.

    Raises:
        TrainingFailed: too few rows, or no detector can learn from them.
    """
    only_normal = params.train_on is TrainOn.NORMAL
    windows = training_windows(found, params.window, only_normal)
    found, count = tamed(found, Scaling.fit(windows[:, -1]), params.window)
    if count:
        told(f"{plural(count, 'row')} with a reading far off all others, alone in time: not learned from.", 0.0)
        windows = training_windows(found, params.window, only_normal)
    scaling = Scaling.fit(windows[:, -1])
    scaled = scaling.apply(windows)
    tried, failed = _try_all(scaled, params, fitting, told)
    ranked = rank(tried, *_judges(found, params, scaling, scaled), params.seed)
    chosen = [one.tried for one in ranked if one.chosen]
    members = [Member(one.candidate.detector.NAME, one.fitted, one.unit) for one in chosen]
    model = AnomalyModel(scaling, members, params.window)
    blocks = together(chosen, len(scaled))
    held = held_back(found, model, only_normal)
    wanted = Rules(1.0, params.smoothing, params.ceiling, params.release, drift_rows=float(params.drift_rows))
    rules = [
        calibrate(raw, params.false_alarm_rate, params.threshold, wanted, robust=not only_normal)
        for raw in ([*blocks, *held], blocks)
    ]
    return Learned(model, ranked, rules[0], rules[1], failed)


def together(chosen: Sequence[Tried], count: int) -> list[np.ndarray]:
    """Scores of the stretches that were left out, as the model would have given them.

    Detectors that were tried on fewer, longer stretches are cut where the others are.
    """
    edges = np.linspace(0, count, max(len(one.blocks) for one in chosen) + 1).astype(int)
    oddest = np.max([np.concatenate(one.blocks) / one.unit for one in chosen], axis=0)
    return [oddest[start:stop] for start, stop in pairwise(edges) if stop > start]


def held_back(found: Sequence[Stretch], model: AnomalyModel, only_normal: bool) -> list[np.ndarray]:
    """Raw scores of the validation rows of each stretch, without those that are labelled or near one."""
    scores = []
    for one in found:
        is_val = _is_val(one, model.window) & one.is_tame(model.window)
        if only_normal:
            is_val &= one.is_clean(model.window)
        if is_val.any():
            scores.append(model.score(one.windows(model.window)[is_val])[0])
    return scores


def _try_all(
    scaled: np.ndarray, params: AnomalyParams, fitting: Fitting, told: Callable[[str, float], None]
) -> tuple[list[Tried], dict[str, str]]:
    began = time.monotonic()
    wanted: tuple[str, ...] = AUTO_TRIES if params.detector == AUTO else (params.detector,)
    names = tuple(name for name in wanted if params.window >= DETECTORS[name].SMALLEST_WINDOW)
    tried: list[Tried] = []
    failed: dict[str, str] = {}
    for place, name in enumerate(names):
        late = time.monotonic() - began > params.time_budget_seconds or fitting.stopping()
        if late and len(tried) >= _NEVER_SKIPPED:
            told(f"{name}: not tried, the time is up.", (place + 1) / len(names))
            continue
        given = params.parameters if params.detector != AUTO else {}
        try:
            one = fit_and_try(Candidate(DETECTORS[name], DETECTORS[name].Params(**given)), scaled, fitting)
        except (ValueError, np.linalg.LinAlgError) as error:
            failed[name] = str(error)
            told(f"{name}: left out, {error}", (place + 1) / len(names))
            continue
        tried.append(one)
        told(f"{name}: fitted and tried in {one.seconds:.1f} s.", (place + 1) / len(names))
    if not tried:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise TrainingFailed(f"no detector could learn from these rows: {reasons}")
    return tried, failed


def _judges(
    found: Sequence[Stretch], params: AnomalyParams, scaling: Scaling, scaled: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Windows by which detectors are ranked, scaled, and their labels where both kinds occur."""
    some = [(one, _is_val(one, params.window)) for one in found]
    windows = [one.windows(params.window)[which] for one, which in some]
    labels = [_last_labels(one, params.window)[which] for one, which in some]
    if not sum(map(len, windows)):
        return scaled, None
    known = np.concatenate(labels)
    if known.any() and not known.all():
        return scaling.apply(np.concatenate(windows)), known
    clean = [one.windows(params.window)[which & one.is_clean(params.window)] for one, which in some]
    return (scaling.apply(np.concatenate(clean)), None) if sum(map(len, clean)) else (scaled, None)


def _is_val(one: Stretch, window: int) -> np.ndarray:
    return one.parts[window - 1 :] == VAL_PART if len(one.parts) >= window else np.zeros(0, dtype=bool)


def _last_labels(one: Stretch, window: int) -> np.ndarray:
    if len(one.parts) < window:
        return np.zeros(0, dtype=bool)
    return np.zeros(len(one.parts) - window + 1, dtype=bool) if one.labels is None else one.labels[window - 1 :]
