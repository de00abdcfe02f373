"""`python -m training.worker.predicting WORKER_PID`: one prediction job after the other, while there are any.

A process of its own, with an engine of its own: hours of rows do not stand in the way of those who wait for an answer.
"""

from __future__ import annotations

import dataclasses
import sys
from functools import partial

from datasets.imports.interrupts import Interrupts
from inference.engine import LocalEngine
from inference.tabular.file_run import PredictionRun
from notifications.predictions import tell_webhooks
from settings import Settings
from storage.import_record import Import
from storage.store import Store
from training.worker.claiming import work_for

# One model at a time is enough, and one that takes more by itself is loaded alone.
_MODEL_CACHE_BYTES = 1024 * 1024


class Predicting:
    """See `training.worker.claiming.Work`."""

    noun = "prediction job"

    def __init__(self, store: Store, settings: Settings):
        self.runs = store.prediction_runs
        self._store = store
        self._settings = settings
        self._engine = LocalEngine(store, dataclasses.replace(settings, model_cache_bytes=_MODEL_CACHE_BYTES))

    def attempt(self, record: Import, interrupts: Interrupts) -> PredictionRun:
        """A prediction job; whoever waits for its end is told at once."""
        folder = self._settings.data_dir / "predictions"
        most = self._settings.max_prediction_job_bytes
        told = partial(tell_webhooks, self._store, self._settings.public_url)
        return PredictionRun(self._store, record, folder, most, self._engine, interrupts, told)

    def close(self) -> None:
        """Write down how models were used."""
        self._engine.close()


if __name__ == "__main__":
    sys.exit(work_for(int(sys.argv[1]), "predictor", Predicting))
