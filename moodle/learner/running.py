"""Runs the ONNX files of a model; needs neither scikit-learn nor polars."""

from __future__ import annotations

from typing import Any

import numpy as np

from inference.answers import Damaged
from inference.sessions import open_session
from moodle.learner.member import INPUT, OUTPUT, Features, Probabilities
from moodle.learner.seen import Seen
from moodle.model import StoredModel
from utils import InvalidInput

_BATCH_ROWS = 10_000


class Runner:
    """A model that is loaded; safe from many threads.

    Raises:
        InvalidInput: one of its files is no ONNX file that can be run, or what it has seen cannot be read.
    """

    def __init__(self, model: StoredModel):
        self.card = model.card
        self._weights = model.card.weights()
        self._sessions = [_session(model.files[part.sha256]) for part in model.card.parts]
        seen = model.card.seen
        self._seen = Seen.unpack(model.files[seen], len(model.card.classes)) if seen else None

    def predict(self, features: Features) -> Probabilities:
        """Probabilities [rows, classes] of float32 [rows, columns], each row summing to 1."""
        batches = range(0, len(features), _BATCH_ROWS)
        return np.concatenate([self._batch(features[start : start + _BATCH_ROWS]) for start in batches])

    def _batch(self, features: Features) -> Probabilities:
        total = np.zeros((len(features), len(self.card.classes)))
        for weight, session in zip(self._weights, self._sessions, strict=True):
            total += weight * session.run([OUTPUT], {INPUT: features})[0].astype(np.float64)
        chances = total / total.sum(axis=1, keepdims=True)
        return self._seen.mixed(features, chances) if self._seen else chances


def _session(content: bytes) -> Any:
    try:
        return open_session(content, threads=1)
    except Exception as error:  # the runtime has many, and says what it found
        raise InvalidInput(f"a file of the model cannot be run: {str(error)[:200]}") from error


def check_foreign(model: StoredModel) -> None:
    """See that a model of elsewhere can be run, and gives what its card says.

    Raises:
        InvalidInput: it cannot.
    """
    from inference.check import check_model  # brings onnx, which a prediction does without

    try:
        for part in model.card.parts:
            check_model(model.files[part.sha256])
        row = np.zeros((2, len(model.card.columns)), np.float32)
        chances = Runner(model).predict(row)
    except Damaged as error:
        raise InvalidInput(f"the model may not be run: {error.detail}") from None
    except InvalidInput:
        raise
    except Exception as error:  # whatever the runtime raises of a graph that is not what its card says
        raise InvalidInput(f"the model cannot be run on its columns: {str(error)[:200]}") from error
    if chances.shape != (2, len(model.card.classes)) or not np.isfinite(chances).all():
        raise InvalidInput("the model does not give one probability for each class of its card")
