"""The processes that work on prediction jobs; what starts them is `training.worker.importers`."""

from __future__ import annotations

from notifications.predictions import tell_webhooks
from settings import Settings
from storage.store import Store
from training.worker.importers import Trade


def predicting(store: Store, settings: Settings) -> Trade:
    """The trade of prediction jobs. What a process that was lost has not told is told here."""

    def tidy() -> None:
        store.prediction_jobs.tidy()
        tell_webhooks(store, settings.public_url)

    return Trade(store.prediction_jobs, store.prediction_runs, "training.worker.predicting", settings.predictors, tidy)
