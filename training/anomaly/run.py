"""One training of a detector of anomalies, from series on disk to a model, its card and its pictures."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import numpy as np

from datasets.series.schema import SeriesDataset, SeriesSchema
from inference.anomaly.judging import Judge
from inference.protocol import ModelCard
from inference.sessions import open_session
from training.admission import admit
from training.anomaly import pictures
from training.anomaly.data import CARRY_ROWS, gap_of, stretches
from training.anomaly.detectors.protocol import Fitting
from training.anomaly.detectors.registry import DETECTORS
from training.anomaly.learning import Learned, learn
from training.anomaly.model import AnomalyModel
from training.anomaly.resuming import Fits, Unusable
from training.anomaly.trainer import AnomalyParams, TrainOn
from training.anomaly.validation import Validation
from training.environment import libraries
from training.protocol import Report, TrainedModel, TrainingFailed, Workspace
from utils import plural

# Scores relative to the usual one; convolutions compute in single precision.
TOLERANCE, SINGLE_TOLERANCE = 1e-5, 1e-3
_LICENCE = "weights: trained from scratch on the project's series; fitted with scikit-learn and PyTorch, BSD-3-Clause"
_PREPROCESSING = {
    "in_graph": "readings less their median, by their robust deviation, bounded at 20; missing ones as usual ones",
    "missing": f"the sensor's last reading, for at most {CARRY_ROWS} rows; then as a usual one, which adds nothing",
    "constant": "a sensor that never moved in training is usual within a hundredth of its value",
    "window": "each row with those before it, none after it; the first rows of a series, and those after a long gap, "
    "warm up and are never anomalies",
}


class AnomalyRun:
    """One training."""

    def __init__(self, dataset: SeriesDataset, params: AnomalyParams, workspace: Workspace, report: Report):
        self._dataset = dataset
        self._params = params
        self._folder = workspace.folder
        self._report = report
        self._started = time.monotonic()
        self._stretches, self._interval = stretches(dataset, params.window)
        self._workspace = workspace
        self._fits = Fits(workspace, report, params.passes())
        # Looked at once an epoch, so that the one that is told as the last is the last.
        self._ending = False

    def fit(self) -> TrainedModel:
        """Learn, export, compare, judge and draw.

        Raises:
            TrainingFailed: see `AnomalyTrainer.fit`.
        """
        self._introduce()
        learned = self._resumed() or self._learn()
        content = learned.model.export()
        path = self._folder / "model.onnx"
        path.write_bytes(content)
        card = self._card(learned, content)
        judge = Judge(open_session(path, threads=1), card)
        card = card.model_copy(update={"export_difference": self._difference(learned.model, judge, content)})
        validation = Validation(judge, self._stretches, learned, self._dataset.val_is_train)
        card = card.model_copy(
            update={"metrics": validation.metrics(), "test_metrics": validation.test_metrics() or None}
        )
        artifacts = pictures.draw(self._folder, self._dataset.schema, validation, learned, self._fits.history)
        self._finish(card)
        card = card.model_copy(update={"duration_seconds": round(time.monotonic() - self._started, 3)})
        return TrainedModel(path, None, card, artifacts)

    def _introduce(self) -> None:
        rows, sensors = plural(self._dataset.train_rows, "row"), plural(len(self._dataset.schema.sensors), "sensor")
        self._report.log(f"Learning normal operation from {rows} of {sensors}.")
        if self._dataset.val_is_train:
            self._report.log("Too few rows to hold any back: the model is checked on the rows it learns from.")

    def _resumed(self) -> Learned | None:
        """What comes of going on from the checkpoint of an earlier attempt; None where there is none to go on from."""
        if self._workspace.checkpoint is None:
            return None
        try:
            self._fits.resume(self._workspace.checkpoint)
            return self._learn()
        except Unusable as error:
            self._report.log(f"The checkpoint cannot be used, training starts over: {error}")
            self._fits = Fits(self._workspace, self._report, self._params.passes())
            return None

    def _learn(self) -> Learned:
        params = self._params
        robust = params.train_on is TrainOn.MIXED
        fits = self._fits
        fitting = Fitting(params.seed, robust, params.epochs, self._heard, lambda: self._ending, fits.late, fits)
        learned = learn(self._stretches, params, fitting, self._told)
        names = ", ".join(member.name for member in learned.model.members)
        self._report.log(f"The model is {names}; its threshold is {learned.rules.threshold:.4g}.")
        return learned

    def _heard(self, done: int, figures: dict[str, float]) -> None:
        self._fits.history.append({"epoch": float(done), **figures})
        if self._params.passes() > 1:
            # The last epoch is told with the score, when all is done.
            self._ending = self._fits.stopping()
            last = done >= self._params.passes() or self._ending
            self._fits.told = self._fits.told if last else done
            if last:
                self._report.log(
                    "The model is fitted; next come fits that have not seen a part of the rows, for the threshold."
                )
            self._report.progress(done - 0.5 if last else done, self._params.passes(), None if last else figures)

    def _told(self, line: str, fraction: float) -> None:
        self._report.log(line)
        if self._params.passes() == 1:
            self._report.progress(0.9 * fraction, 1)

    def _finish(self, card: ModelCard) -> None:
        history, epochs = self._fits.history, self._params.passes()
        done = len(history) if epochs > 1 else 1
        last = history[-1]["train_loss"] if history and epochs > 1 else None
        figures = {"score": card.metrics["score"], **({} if last is None else {"train_loss": last})}
        self._report.progress(float(done), epochs, figures)

    def _stopped_early(self) -> dict[str, int] | None:
        done, epochs = len(self._fits.history), self._params.passes()
        return {"after_epoch": done, "of_epochs": epochs} if epochs > 1 and done < epochs else None

    def _difference(self, model: AnomalyModel, judge: Judge, content: bytes) -> float:
        """How far the file is from the model it came from, on all validation rows, relative to a usual score.

        Raises:
            TrainingFailed: too far.
        """
        admit(content)
        single = _has_network(model)
        return compare(model, judge, self._stretches, self._dataset.val_is_train, single)

    def _device(self, learned: Learned) -> str:
        """What was computed on, in words: without a network, all of it is numpy's."""
        if not _has_network(learned.model):
            return "CPU"
        from training.devices import choose_device, describe_device

        return describe_device(choose_device())

    def _card(self, learned: Learned, content: bytes) -> ModelCard:
        dataset, params = self._dataset, self._params
        names = [member.name for member in learned.model.members]
        return ModelCard(
            project_type=dataset.project_type,
            architecture="+".join(names),
            classes=[],
            preprocessing=_PREPROCESSING,
            metrics={},
            metrics_on="training rows" if dataset.val_is_train else "validation rows",
            export_difference=0.0,
            dataset={
                "digest": dataset.digest,
                "train_rows": dataset.train_rows,
                "val_rows": dataset.val_rows,
                "test_rows": dataset.test_rows,
                "seed": params.seed,
                "train_split": params.train_split,
            },
            params=params.model_dump(mode="json"),
            pretrained=False,
            device=self._device(learned),
            libraries=libraries(),
            licence=_LICENCE,
            onnx_sha256=hashlib.sha256(content).hexdigest(),
            duration_seconds=0.0,
            determinism={"seed": params.seed},
            stopped_early=self._stopped_early(),
            series=self._series(learned, names),
        )

    def _series(self, learned: Learned, names: list[str]) -> dict[str, Any]:
        """What the card says about series."""
        schema, params = self._dataset.schema, self._params
        return {
            "sensors": list(schema.sensors),
            "window": params.window,
            **learned.rules.as_fields(),
            "false_alarm_rate": params.false_alarm_rate,
            "time": schema.time,
            "time_column": schema.column(schema.time).as_fields() if schema.time is not None else None,
            **_number_formats(schema),
            "series": schema.series,
            "label": schema.label,
            "interval_seconds": self._interval,
            "gap_seconds": gap_of(self._interval, params.window),
            "carry_rows": CARRY_ROWS,
            "looks_ahead_rows": 0,
            "detectors": names,
            "leaderboard": [one.as_fields() for one in learned.ranked],
        }


def _number_formats(schema: SeriesSchema) -> dict[str, dict[str, str]]:
    """Of the sensors whose numbers are not written with a point only, by name; no field where there are none."""
    written = {column.name: column.number_format.value for column in schema.columns if column.number_format}
    found = {name: written[name] for name in schema.sensors if name in written}
    return {"number_formats": found} if found else {}


def compare(
    model: AnomalyModel, judge: Judge, found: list[Any], val_is_train: bool = False, single: bool = False
) -> float:
    """The largest difference of scores and contributions on validation rows, relative to the larger of both or 1.

    Raises:
        TrainingFailed: it is above the tolerance.
    """
    from datasets.tables.schema import TRAIN_PART, VAL_PART

    wanted = TRAIN_PART if val_is_train else VAL_PART
    difference = 0.0
    for one in found:
        if len(one.values) < model.window:
            continue
        which = one.parts[model.window - 1 :] == wanted
        score, parts = model.score(one.windows(model.window)[which])
        served, shares = judge.scores(np.empty((0, one.values.shape[1])), one.values)
        for ours, theirs in ((score, served[model.window - 1 :][which]), (parts, shares[model.window - 1 :][which])):
            if ours.size:
                difference = max(difference, float((np.abs(ours - theirs) / np.maximum(np.abs(ours), 1.0)).max()))
                if not np.isfinite(theirs).all():
                    difference = float("inf")
    if not difference <= (SINGLE_TOLERANCE if single else TOLERANCE):
        raise TrainingFailed(
            f"the exported model does not agree with the trained one: scores are {difference:.2g} apart"
        )
    return difference


def _has_network(model: AnomalyModel) -> bool:
    return any(DETECTORS[member.name].IN_EPOCHS for member in model.members)
