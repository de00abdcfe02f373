"""The work of one process: files in a folder in, files in the folder out. Knows no database, user or secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moodle.datafile import read_labelled, read_samples
from moodle.model import StoredModel
from moodle.predicting import predictions
from moodle.status import Answer, not_all_classes, trained
from utils import DomainError

TASK, DATA, MODEL, ANSWER, MADE_MODEL, LOG = (
    "task.json", "data.csv", "model.zip", "answer.json", "made.zip", "log.zip",
)  # fmt: skip


def perform(folder: Path) -> None:
    """Do what the folder's `task.json` says.

    What the data makes impossible is written down as an answer, with the code of its error.
    """
    task = json.loads((folder / TASK).read_text())
    try:
        answer = TASKS[task["do"]](folder, task)
    except DomainError as error:
        answer = {"refused": error.code, "detail": error.detail}
    (folder / ANSWER).write_text(json.dumps(answer, allow_nan=False))


def _train(folder: Path, task: dict[str, Any]) -> Answer:
    from moodle.teaching import Lesson, misses_a_class

    data = read_labelled((folder / DATA).read_bytes())
    if misses_a_class(data):
        return not_all_classes()
    lesson = Lesson.of(_model(folder), data)
    del data  # as large as all that the fit needs
    (folder / MADE_MODEL).write_bytes(lesson.learned().pack())
    return trained()


def _evaluate(folder: Path, task: dict[str, Any]) -> Answer:
    from moodle.evaluation import Wish, evaluate
    from moodle.evaluation_log import pack_log

    wish = Wish(**task["wish"])
    evaluation = evaluate(read_labelled((folder / DATA).read_bytes()), wish, _model(folder))
    (folder / LOG).write_bytes(pack_log(evaluation))
    return evaluation.answer


def _predict(folder: Path, task: dict[str, Any]) -> Answer:
    from moodle.learner.running import Runner

    model = _model(folder)
    if model is None:
        raise FileNotFoundError(MODEL)
    return predictions(Runner(model), read_samples((folder / DATA).read_bytes()))


def _model(folder: Path) -> StoredModel | None:
    path = folder / MODEL
    return StoredModel.kept(path.read_bytes()) if path.exists() else None


TASKS: dict[str, Callable[[Path, dict[str, Any]], Answer]] = {
    "train": _train,
    "evaluate": _evaluate,
    "predict": _predict,
}
