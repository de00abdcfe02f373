"""One training of a model of tables, from a table on disk to a model, its card and its pictures."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets.tables.schema import TableDataset
from inference.protocol import ModelCard
from inference.sessions import open_session
from inference.tabular.inputs import Inputs
from inference.tabular.predictor import TabularPredictor
from training.admission import admit
from training.environment import libraries
from training.protocol import Report, TrainedModel, TrainingFailed, Workspace
from training.tabular import background, pictures
from training.tabular.algorithms.registry import ALGORITHMS, AUTO
from training.tabular.data import Rows, load, shape_of
from training.tabular.drawing import MOST_CELLS
from training.tabular.fitting import Candidate, TableModel, fit
from training.tabular.importance import importances
from training.tabular.metrics import SCORE, confusion, intervals, rounded, scores
from training.tabular.trainer import TabularParams
from training.tabular.validation import MOST_RACED_ROWS, Race, Validated, folds_of, validate
from utils import plural

PROBABILITY_TOLERANCE = 1e-4
VALUE_TOLERANCE = 1e-5
# Two classes whose probabilities differ by less are equally likely; either is right.
_TIE = 1e-6
_FEW_HELD_BACK = 50
# Whoever asks for an early end gets a model only when that is made in time; what comes behind the fit takes time too.
_STOP_MARGIN = 3
_WHY_DRAWN = f"a model learns from at most {MOST_CELLS:,} numbers after encoding"
# A card is part of a document of the database, which may have 16 MB.
_MOST_KNOWN_CHARACTERS = 500_000
_LICENCE = "weights: trained from scratch on the project's table; fitted with scikit-learn, BSD-3-Clause"


class TabularRun:
    """One training."""

    def __init__(self, dataset: TableDataset, params: TabularParams, workspace: Workspace, report: Report):
        self._dataset = dataset
        self._params = params
        self._folder = workspace.folder
        self._report = report
        self._started = time.monotonic()
        self._shape = shape_of(dataset)
        self._parts = load(dataset, self._shape, params.seed)
        self._validated: list[Validated] = []
        self._stop_seconds = workspace.stop_seconds

    def fit(self) -> TrainedModel:
        """Choose, fit, export, compare, score and draw.

        Raises:
            TrainingFailed: see `TabularTrainer.fit`.
        """
        self._introduce()
        candidate, model, content, difference = self._first_that_agrees()
        path = self._folder / "model.onnx"
        path.write_bytes(content)
        card = self._card(candidate, model, content, difference)
        predictor = TabularPredictor(open_session(path, threads=1), card)
        card, artifacts = self._judge(card, predictor.forward)
        self._report.progress(1.0, 1, {"score": card.metrics["score"]})
        card = card.model_copy(update={"duration_seconds": round(time.monotonic() - self._started, 3)})
        return TrainedModel(path, None, card, artifacts)

    def _introduce(self) -> None:
        rows, columns = plural(len(self._parts.train), "row"), plural(len(self._shape.columns), "column")
        self._report.log(f"Training on {rows} with {columns}, to predict '{self._shape.target}'.")
        if told := self._drawn_from:
            train, val = plural(told["train_rows"], "row"), f"{told['val_rows']:,}"
            self._report.log(f"These are drawn from {train} by the seed, and those held back from {val}: {_WHY_DRAWN}.")
        if self._dataset.val_is_train:
            self._report.log("Too few rows to hold any back: the model is checked on the rows it learns from.")

    @property
    def _drawn_from(self) -> dict[str, int]:
        """How many rows each part has; nothing where all of them are used."""
        there = {name: getattr(self._dataset, name) for name in self._used}
        return there if any(there[name] > used for name, used in self._used.items()) else {}

    @property
    def _used(self) -> dict[str, int]:
        parts = self._parts
        test = len(parts.test) if parts.test else 0
        return {"train_rows": len(parts.train), "val_rows": len(parts.val), "test_rows": test}

    def _first_that_agrees(self) -> tuple[Candidate, TableModel, bytes, float]:
        """The best candidate whose export gives what it gives itself, fitted to all training rows."""
        reasons = []
        for candidate in self._candidates():
            try:
                model = fit(candidate, self._shape, self._parts.train, self._params.seed)
                content = model.export()
                difference = self._difference(model, content)
            except (ValueError, TrainingFailed) as error:
                reasons.append(f"{candidate}: {error}")
                self._report.log(f"{candidate} is left out: {error}")
                continue
            self._report.log(f"The model is {candidate}.")
            return candidate, model, content, difference
        reasons += [f"{one.candidate}: {one.failed}" for one in self._validated if one.failed]
        raise TrainingFailed("no algorithm could be trained: " + "; ".join(list(dict.fromkeys(reasons))[:3]))

    def _candidates(self) -> Iterator[Candidate]:
        params, train = self._params, self._parts.train
        if params.algorithm == AUTO:
            if len(train) > MOST_RACED_ROWS:
                self._report.log(f"Algorithms are compared on {MOST_RACED_ROWS:,} of these rows.")
            race = Race(self._shape, train, params.folds, params.seed, params.time_budget_seconds)

            def told(one: Validated, fraction: float) -> None:
                self._tell(one, fraction)
                if race.seconds_to_end() * _STOP_MARGIN <= self._stop_seconds:
                    self._report.keepable()

            self._validated = race.run(told, self._report.stopping)
            if self._report.stopping():
                self._report.log(f"Stopped early: {plural(len(self._validated), 'candidate')} compared.")
            yield from (one.candidate for one in self._validated if one.failed is None)
            return
        algorithm = ALGORITHMS[params.algorithm]
        if algorithm.MOST_ROWS is not None and len(train) > algorithm.MOST_ROWS:
            raise TrainingFailed(
                f"{algorithm.NAME} takes at most {algorithm.MOST_ROWS:,} rows, and there are {len(train):,}: "
                "choose `boosting` or `auto`"
            )
        candidate = Candidate(algorithm, algorithm.Params(**params.parameters))
        if len(self._parts.val) < _FEW_HELD_BACK or self._dataset.val_is_train:
            folds = folds_of(train, params.folds, params.seed)
            if folds:
                self._validated = [validate(candidate, self._shape, train, folds, params.seed)]
        yield candidate

    def _tell(self, one: Validated, fraction: float) -> None:
        name = SCORE[bool(self._shape.classes)]
        if one.failed is None:
            mean, deviation = one.means.get(name, float("nan")), one.deviations.get(name, 0.0)
            said = f"{name} {mean:.4f} ± {deviation:.4f} in {plural(one.folds, 'fold')}"
        else:
            said = f"left out: {one.failed}"
        self._report.log(f"{one.candidate}: {said}, {one.seconds:.1f} s.")
        self._report.progress(0.9 * fraction, 1)

    def _difference(self, model: TableModel, content: bytes) -> float:
        """How far the export is from the model it came from, on all validation rows.

        Raises:
            TrainingFailed: too far.
        """
        admit(content)
        predictor = TabularPredictor(open_session(content, threads=1), self._card(None, None, content, 0.0))
        inputs = self._parts.val.inputs
        native, served = model.predict(inputs), predictor.forward(inputs).astype(float)
        return compare(native, served, bool(self._shape.classes))

    def _card(
        self, candidate: Candidate | None, model: TableModel | None, content: bytes, difference: float
    ) -> ModelCard:
        dataset, params, parts, drawn_from = self._dataset, self._params, self._parts, self._drawn_from
        return ModelCard(
            project_type=dataset.project_type,
            architecture=candidate.algorithm.NAME if candidate else "",
            classes=list(dataset.classes),
            preprocessing=_PREPROCESSING,
            metrics={},
            metrics_on="training rows" if dataset.val_is_train else "validation rows",
            export_difference=difference,
            dataset={
                "digest": dataset.digest,
                **self._used,
                **({"drawn_from": drawn_from} if drawn_from else {}),
                "seed": params.seed,
                "train_split": params.train_split,
            },
            params={**params.model_dump(), **({"chosen": candidate.as_fields()} if candidate else {})},
            pretrained=False,
            device="CPU",
            libraries=libraries(),
            licence=_LICENCE,
            onnx_sha256=hashlib.sha256(content).hexdigest(),
            duration_seconds=0.0,
            determinism={"seed": params.seed},
            table={
                **self._shape.as_fields(),
                "background": background.sample(self._shape, parts.train.inputs, params.seed),
                "known": _bounded(model.known) if model else {},
                "leaderboard": [one.as_fields() for one in self._validated],
            },
        )

    def _judge(self, card: ModelCard, serve: Callable[[Inputs], np.ndarray]) -> tuple[ModelCard, tuple[Path, ...]]:
        """The card with its scores, and what there is to look at; all of the file that is served."""
        val, seed = self._parts.val, self._params.seed
        outputs = serve(val.inputs)
        metrics = self._metrics(val, outputs)
        metrics["intervals_95"] = intervals(val.targets, outputs, seed)
        metrics["importance"] = importances(self._shape, val, outputs, serve, seed)
        if self._shape.classes:
            metrics["confusion"] = confusion(val.targets, outputs).tolist()
        if self._validated and (len(val) < _FEW_HELD_BACK or self._dataset.val_is_train):
            chosen = next(one for one in self._validated if one.failed is None)
            metrics["cross_validated"] = {"mean": rounded(chosen.means), "deviation": rounded(chosen.deviations)}
        test = self._parts.test
        tested = self._metrics(test, serve(test.inputs)) if test else None
        card = card.model_copy(update={"metrics": metrics, "test_metrics": tested})
        drawn, numbers = pictures.draw(self._folder, self._shape, val, outputs, metrics)
        board = self._folder / "leaderboard.json"
        board.write_text(json.dumps([one.as_fields() for one in self._validated], indent=1))
        figures = self._folder / "figures.json"
        figures.write_text(json.dumps(numbers, indent=1))
        return card, (*drawn, board, figures)

    def _metrics(self, rows: Rows, outputs: np.ndarray) -> dict[str, Any]:
        found = rounded(scores(rows.targets, outputs))
        name = SCORE[bool(self._shape.classes)]
        return {"score": found.get(name, 0.0), "score_is": name, **found}


def _bounded(known: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Known categories for the card, of as many columns as there is room for; of others no warning tells."""
    kept, room = {}, _MOST_KNOWN_CHARACTERS
    for name, categories in known.items():
        room -= sum(map(len, categories))
        if room >= 0:
            kept[name] = list(categories)
    return kept


_PREPROCESSING = {
    "cells": "missing are the empty cell, null, na, n/a, nan, null, none, ? and -; dates are days since 1970-01-01 UTC",
    "in_graph": "gaps filled, scaled, dates taken apart, categories encoded: all that was fitted to training rows",
    "unseen_category": "as missing",
}


def compare(native: np.ndarray, served: np.ndarray, is_classification: bool) -> float:
    """The largest difference between two outputs: absolute of probabilities, relative to the spread of values.

    Raises:
        TrainingFailed: it is above the tolerance, or a class differs where the model is not undecided.
    """
    if is_classification:
        difference = float(np.abs(native - served).max())
        two = np.sort(native, 1)[:, -2:]
        decided = two[:, 1] - two[:, 0] > _TIE
        wrong = int((decided & (native.argmax(1) != served.argmax(1))).sum())
        agrees = difference <= PROBABILITY_TOLERANCE and not wrong
    else:
        difference = float((np.abs(native - served) / np.maximum(np.abs(native), 1e-9 + np.abs(native).mean())).max())
        agrees, wrong = difference <= VALUE_TOLERANCE, 0
    if not agrees:  # which NaN does not either
        raise TrainingFailed(
            f"the exported model does not agree with the trained one: outputs are {difference:.2g} apart, and the "
            f"class of {plural(wrong, 'row')} differs"
        )
    return difference
