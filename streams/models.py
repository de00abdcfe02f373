"""The model that answers for a project, as a judge, taken up anew whenever it changes."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from bson import ObjectId
from pydantic import ValidationError

from inference.anomaly.judging import Judge
from inference.answers import Damaged
from inference.check import check_model
from inference.protocol import ModelCard
from inference.sessions import open_session
from storage.store import Store
from utils import NotFound

MODEL_FILE = "model.onnx"
_LOOK_SECONDS = 0.5
_THREADS = 1


@dataclass(frozen=True)
class Serving:
    """A judge, and of which model.

    Attributes:
        key: column that tells series apart, by the model's card.
        version: of the model.
    """

    judge: Judge
    model_id: ObjectId
    version: int
    key: str | None

    @property
    def state_bytes(self) -> int:
        """About what is remembered of one key."""
        return 200 + 8 * self.judge.window * len(self.judge.sensors)


class ServingModel:
    """The model of one project; to be used by one thread."""

    def __init__(self, store: Store, project_id: ObjectId):
        self._store = store
        self._project_id = project_id
        self._now: Serving | None = None
        self._due_at = 0.0

    def current(self) -> Serving | None:
        """As of half a second ago at most; None when the project has no model.

        Raises:
            NotFound: the project, or the model's file, is gone.
            Damaged: the model cannot be used.
        """
        if time.monotonic() >= self._due_at:
            project = self._store.projects.get(self._project_id)
            if project is None:
                raise NotFound("the project was deleted")
            if project.model_id is None:
                self._now = None
            elif self._now is None or self._now.model_id != project.model_id:
                self._now = self._load(project.model_id)
            self._due_at = time.monotonic() + _LOOK_SECONDS
        return self._now

    def _load(self, model_id: ObjectId) -> Serving:
        model = self._store.models.get(model_id)
        file = model.files[MODEL_FILE]
        content = self._store.artifacts.read(file.file_id)
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise Damaged("the stored model is damaged: train the project again")
        check_model(content)
        try:
            card = ModelCard(**model.card)
        except ValidationError:
            raise Damaged("the stored model's card cannot be read: train the project again") from None
        judge = Judge(open_session(content, _THREADS), card)
        return Serving(judge, model_id, model.version, (card.series or {}).get("series"))
