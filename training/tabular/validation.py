"""Cross-validation of one candidate, and of several within a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.tabular.inputs import TableShape
from training.tabular.algorithms.registry import ALGORITHMS
from training.tabular.data import Rows
from training.tabular.drawing import drawn
from training.tabular.fitting import Candidate, fit
from training.tabular.metrics import SCORE, rounded, scores

_SMALL = 3_000
MOST_RACED_ROWS = 50_000
_MOST_TREES = 5_000
# A candidate that is so far below the best after one fold is not worth the others.
_HOPELESS = {True: 0.1, False: 0.2}


@dataclass(frozen=True)
class Validated:
    """How a candidate did.

    Attributes:
        means: of each metric over the folds; deviations likewise.
        folds: how many of them there was time for.
        failed: why it does not count; none when it does.
    """

    candidate: Candidate
    means: dict[str, float]
    deviations: dict[str, float]
    seconds: float
    folds: int
    failed: str | None = None

    def as_fields(self) -> dict[str, Any]:
        """A row of the leaderboard."""
        return {
            **self.candidate.as_fields(),
            "mean": rounded(self.means),
            "deviation": rounded(self.deviations),
            "seconds": round(self.seconds, 3),
            "folds": self.folds,
            "failed": self.failed,
        }


def folds_of(rows: Rows, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and validation rows of each fold: groups stay together, classes are spread evenly."""
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    classes = rows.targets.dtype.kind == "i"
    if rows.groups is not None:
        folds = min(folds, len(np.unique(rows.groups)))
    folds = min(folds, len(rows))
    if folds < 2:
        return []
    if classes:
        # Classes with fewer rows than folds are in some folds only; the splitter says so with a warning.
        kind = StratifiedKFold if rows.groups is None else StratifiedGroupKFold
        smallest = max(2, int(np.bincount(rows.targets).max()))
        splitter = kind(min(folds, smallest), shuffle=True, random_state=seed)
    elif rows.groups is None:
        splitter = KFold(folds, shuffle=True, random_state=seed)
    else:
        splitter = GroupKFold(folds, shuffle=True, random_state=seed)
    return _split(splitter, rows)


def _split(splitter: Any, rows: Rows) -> list[tuple[np.ndarray, np.ndarray]]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return list(splitter.split(np.zeros((len(rows), 1)), rows.targets, rows.groups))


def validate(
    candidate: Candidate,
    shape: TableShape,
    rows: Rows,
    folds: list[tuple[np.ndarray, np.ndarray]],
    seed: int,
    go_on: Callable[[dict[str, float]], bool] = lambda found: True,
) -> Validated:
    """Fit to the training rows of each fold, and score on the others.

    Args:
        go_on: is given the scores of a fold, and says whether the next is worth its time.
    """
    began, found = time.monotonic(), []
    try:
        for train, held in folds:
            model = fit(candidate, shape, rows.take(train), seed)
            one = scores(rows.targets[held], model.predict(rows.take(held).inputs))
            if not np.isfinite(list(one.values())).all():
                raise ValueError("it gave something that is no number")
            found.append(one)
            if not go_on(one):
                break
    except (ValueError, ArithmeticError, MemoryError) as error:
        return Validated(candidate, {}, {}, time.monotonic() - began, len(found), str(error) or type(error).__name__)
    names = [name for name in found[0] if all(name in one for one in found)]
    values = {name: [one[name] for one in found] for name in names}
    means = {name: float(np.mean(column)) for name, column in values.items()}
    deviations = {name: float(np.std(column)) for name, column in values.items()}
    return Validated(candidate, means, deviations, time.monotonic() - began, len(found))


def candidates(rows: int, classes: int) -> Iterator[Candidate]:
    """What is tried, in this order, as far as time goes; what suits the number of rows comes first."""
    smooth: list[tuple[str, dict[str, Any]]] = [
        ("linear", {}),
        ("perceptron", {}),
        ("svm", {}),
        ("svm", {"cost": 10.0}),
    ]
    trees: list[tuple[str, dict[str, Any]]] = [("boosting", {}), ("forest", {})]
    later: list[tuple[str, dict[str, Any]]] = [
        ("boosting", {"learning_rate": 0.05, "trees": 300, "leaves": 15, "columns": 0.5}),
        ("linear", {"strength": 0.01}),
        ("perceptron", {"penalty": 0.1, "neurons": 100}),
        ("neighbours", {}),
        ("svm", {"cost": 10.0, "width": 4.0}),
        ("forest", {"trees": 400, "smallest_leaf": 2, "columns": 0.5}),
        ("boosting", {"learning_rate": 0.1, "trees": 300, "smallest_leaf": 10, "penalty": 1.0, "columns": 0.5}),
        ("linear", {"strength": 0.1}),
        ("perceptron", {"penalty": 10.0}),
        ("neighbours", {"neighbours": 15, "nearer_counts_more": True}),
        ("boosting", {"learning_rate": 0.03, "trees": 800, "leaves": 31, "smallest_leaf": 10, "columns": 0.3}),
    ]
    first = [*smooth[:2], trees[0], smooth[2], trees[1], smooth[3]] if rows <= _SMALL else [*trees, *smooth]
    for name, given in [*first, *later]:
        algorithm = ALGORITHMS[name]
        candidate = Candidate(algorithm, algorithm.Params(**given))
        # Of several classes each gets a tree a round, and a fold cannot be broken off when the time is over.
        grown = getattr(candidate.params, "trees", 0) * classes if name == "boosting" else 0
        if (algorithm.MOST_ROWS is None or rows <= algorithm.MOST_ROWS) and grown <= _MOST_TREES:
            yield candidate


class Race:
    """Candidates one after another until the time is over.

    Of many rows some are enough to tell which is the best, and more candidates come into the time.

    Args:
        rows: all that the best is fitted to afterwards.
        seconds: for all of them; of the first at least one fold is finished.
    """

    def __init__(self, shape: TableShape, rows: Rows, folds: int, seed: int, seconds: float):
        self._shape = shape
        self._all = len(rows)
        self._rows = rows.take(drawn(rows.targets, MOST_RACED_ROWS, seed))
        self._folds = folds_of(self._rows, folds, seed)
        self._seed = seed
        self._seconds = seconds
        self._metric = SCORE[bool(shape.classes)]
        self.done: list[Validated] = []

    def run(self, told: Callable[[Validated, float], None], stopped: Callable[[], bool]) -> list[Validated]:
        """Try them; the best first.

        Args:
            told: is given each candidate that is done, and the fraction of the time that is over.
        """
        began = time.monotonic()

        def over() -> float:
            return (time.monotonic() - began) / self._seconds

        for candidate in candidates(self._all, len(self._shape.classes)):
            best = self._best(self.done)
            if self.done and (over() >= 1 or stopped() or self._is_perfect()):
                break

            def go_on(found: dict[str, float], best: float | None = best) -> bool:
                if best is None:
                    return not (over() >= 1 or stopped())
                hopeless = found.get(self._metric, -np.inf) < best - _HOPELESS[bool(self._shape.classes)]
                return not (hopeless or over() >= 1 or stopped())

            self.done.append(validate(candidate, self._shape, self._rows, self._folds, self._seed, go_on))
            told(self.done[-1], min(1.0, over()))
        return self.ranked()

    def seconds_to_end(self) -> float:
        """How long it takes to finish a fold that runs, and to fit the best, as far as those before tell."""
        fitted = [one for one in self.ranked() if one.failed is None and one.folds]
        if not fitted:
            return np.inf
        rows = float(np.mean([len(train) for train, _ in self._folds]))
        folds = [one.seconds / one.folds for one in fitted]
        return max(folds) + folds[0] * self._all / rows

    def ranked(self) -> list[Validated]:
        """The best first; those that did not see all folds count less than any that did, and failed ones last.

        Before the latter come those that would take too long for all rows.
        """
        return sorted(self.done, key=self._worth, reverse=True)

    def _worth(self, one: Validated) -> tuple[bool, bool, bool, float, float]:
        score = one.means.get(self._metric, -np.inf)
        second = -one.means.get("log_loss", one.means.get("rmse", np.inf))
        # Differences in the fourth digit are noise; then the surer of two is better.
        return one.failed is None, self._is_affordable(one), one.folds == len(self._folds), round(score, 3), second

    def _is_affordable(self, one: Validated) -> bool:
        """Whether a fit to all rows takes no longer than the race, as far as one to some of them tells."""
        if self._all == len(self._rows) or not one.folds:
            return True
        fitted = np.mean([len(train) for train, _ in self._folds])
        return bool(one.seconds / one.folds * self._all / fitted <= self._seconds)

    def _is_perfect(self) -> bool:
        """Whether nothing is to be gained any more, as far as `_worth` tells scores apart."""
        best = self._best(one for one in self.done if one.folds == len(self._folds))
        return best is not None and round(best, 3) >= 1.0

    def _best(self, among: Iterable[Validated]) -> float | None:
        found = [one.means[self._metric] for one in among if self._metric in one.means]
        return max(found, default=None)
