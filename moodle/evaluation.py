"""How well a model learns from a file: rounds of fresh splits, and what Moodle wants to know of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from moodle.cells import Cells
from moodle.datafile import LabelledRows, arranged
from moodle.learner.fitting import fit, mean
from moodle.learner.member import Probabilities
from moodle.learner.rows import Rows
from moodle.learner.running import Runner
from moodle.learner.seen import Seen
from moodle.model import StoredModel
from moodle.splitting import can_split, split
from moodle.status import Answer, Status, failed
from utils import InvalidInput, some_of

_SEED = 42
Places = NDArray[np.int64]
Predict = Callable[[Places, Places, int], Probabilities]


@dataclass(frozen=True)
class Wish:
    """What is asked of an evaluation; scores are F1, 0 to 1."""

    min_score: float
    max_deviation: float
    rounds: int
    run_id: int


@dataclass(frozen=True)
class Round:
    """One round: its metrics by name, and what was held back with the probabilities [rows, classes] it got."""

    metrics: dict[str, float]
    target: Places
    chances: Probabilities


@dataclass(frozen=True)
class Evaluation:
    """What came out: the answer to Moodle, and the rounds, for the log."""

    answer: Answer
    classes: tuple[str, ...]
    rounds: list[Round] = field(default_factory=list)


def evaluate(data: LabelledRows, wish: Wish, model: StoredModel | None = None) -> Evaluation:
    """Evaluate.

    Args:
        model: is scored itself, and nothing trained, when it is given.

    Raises:
        InvalidInput: the file does not fit to the model.
    """
    if problem := _problem(data):
        return Evaluation(failed(problem, runid=wish.run_id), data.classes)
    target, classes = data.target, data.classes
    predict = _by_training(data) if model is None else _by(model, data)
    del data  # as large as all that the rounds need
    rounds = []
    for number in range(wish.rounds):
        train, held = split(target, np.random.default_rng([_SEED, number]))
        chances = predict(train, held, number)
        rounds.append(Round(scores(target[held], chances), target[held], chances))
    return Evaluation(_answer(rounds, wish), classes, rounds)


def _problem(data: LabelledRows) -> str | None:
    if data.unknown:
        found, wanted = some_of(list(data.unknown)), some_of(list(data.classes))
        return f"The targets of the rows do not match the header: found {found}, wanted are {wanted}."
    seen = set(data.target.tolist())
    absent = [name for place, name in enumerate(data.classes) if place not in seen]
    if absent:
        return f"The targets of the rows do not match the header: there is no row of {some_of(absent)}."
    if not can_split(data.target):
        return "There are too few rows to evaluate: wanted are two or more of at least one class."
    return None


def _by_training(data: LabelledRows) -> Predict:
    # Most columns of most files never vary, and each round holds its rows twice.
    distinct, places, target = data.cells.distinct, data.cells.places, data.target
    varying = distinct[:, distinct.min(axis=0) != distinct.max(axis=0)]
    del data, distinct

    def predict(train: Places, held: Places, number: int) -> Probabilities:
        rows = Rows.of_cells(Cells(varying, places[train]), target[train])
        features = varying[places[held]]
        members = fit(rows, _SEED + number)
        seen, chances = Seen.of(rows, partial(mean, members)), mean(members, features)
        return seen.mixed(features, chances) if seen else chances

    return predict


def _by(model: StoredModel, data: LabelledRows) -> Predict:
    if set(model.card.classes) != set(data.classes):
        raise _unlike(model, data)
    runner, distinct = Runner(model), arranged(data.columns, model.card.columns, data.cells.distinct)
    order, places = [model.card.classes.index(name) for name in data.classes], data.cells.places
    return lambda train, held, number: runner.predict(distinct[places[held]])[:, order]


def _unlike(model: StoredModel, data: LabelledRows) -> InvalidInput:
    known, found = some_of(list(model.card.classes)), some_of(list(data.classes))
    return InvalidInput(f"the trained model tells {known} apart, this file {found}")


def scores(target: Places, chances: Probabilities) -> dict[str, float]:
    """Metrics of one round, by their names in the protocol; precision, recall and F1 are weighted by classes' rows.

    They are those of scikit-learn. `auc` is the area under the ROC curve of the second of two classes; it is left
    out when only one class was held back.
    """
    from sklearn import metrics

    predicted = chances.argmax(axis=1)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        target, predicted, average="weighted", zero_division=0.0
    )
    found = {
        "balanced accuracy": float(np.mean([np.mean(predicted[target == c] == c) for c in np.unique(target)])),
        "accuracy": float(np.mean(predicted == target)),
        "precision": float(precision),
        "recall": float(recall),
        "f1_score": float(f1),
    }
    if chances.shape[1] == 2 and len(np.unique(target)) == 2:
        found["auc"] = float(metrics.roc_auc_score(target, chances[:, 1]))
    return found


def _answer(rounds: list[Round], wish: Wish) -> Answer:
    names = list(dict.fromkeys(name for each in rounds for name in each.metrics))
    values = {name: [each.metrics[name] for each in rounds if name in each.metrics] for name in names}
    answer: Answer = {name: float(np.mean(values[name])) for name in names}
    if "auc" in values:
        answer["auc_deviation"] = float(np.std(values["auc"]))
    score, deviation = answer["f1_score"], float(np.std(values["f1_score"]))
    status, info = _verdict(score, deviation, wish)
    return {
        **answer,
        "score": score,
        "score_deviation": deviation,
        "min_score": wish.min_score,
        "accepted_deviation": wish.max_deviation,
        "runid": wish.run_id,
        "status": int(status),
        "info": info,
    }


def _verdict(score: float, deviation: float, wish: Wish) -> tuple[Status, list[str]]:
    status, info = Status.OK, []
    if score < wish.min_score:
        status |= Status.LOW_SCORE
        info.append(f"The score of {score:.3f} is below the wanted {wish.min_score:g}: the predictions are not good.")
    if deviation > wish.max_deviation:
        status |= Status.VARIED
        info.append(
            f"The scores of the rounds vary by {deviation:.3f}, accepted is {wish.max_deviation:g}: "
            "there is not enough data to be sure."
        )
    return status, info
