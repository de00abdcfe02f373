"""Everything that goes on in one worker at the same time."""

from __future__ import annotations

import threading

from alerts.reporter import reporter
from datasets.kinds import Caches
from notifications.notifier import notifier
from settings import Settings
from storage.store import Store
from tracking.tracker import Tracker
from training.worker.desk import Desk
from training.worker.devices import LocalDevice
from training.worker.housekeeping import Housekeeper
from training.worker.importers import Importers, importing
from training.worker.predictors import predicting
from training.worker.presence import Presence
from training.worker.supervisor import Supervisor

_GOODBYE_SECONDS = 5.0


class Crew:
    """All threads of a worker: a desk for each device, and those that do what is to be done beside training."""

    def __init__(self, store: Store, settings: Settings, devices: list[LocalDevice]):
        self._stop = stop = threading.Event()
        cache = Caches(settings.data_dir / "cache", settings.dataset_cache_bytes)
        self._desks = [
            Desk(store, Supervisor(store, settings, stop, device, cache), device, stop) for device in devices
        ]
        self._threads = [desk.thread for desk in self._desks]
        self._threads += [Housekeeper(store, stop).thread, Presence(store, devices, stop).thread]
        trades = (importing(store, settings), predicting(store, settings))
        self._importers = [Importers(trade, settings, stop) for trade in trades]
        self._threads += [notifier(store, settings, stop).thread, reporter(store, settings, stop).thread]
        self._threads += [each.thread for each in self._importers]
        self._tracker = Tracker(store, settings, stop) if settings.mlflow_uri else None

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()
        if self._tracker:
            self._tracker.thread.start()

    def call(self) -> None:
        """There may be something to do; the first desk whose device fits takes it."""
        for desk in self._desks:
            desk.call()
        for importers in self._importers:
            importers.call()

    def stop(self) -> None:
        """Ask all to end."""
        self._stop.set()
        self.call()

    def join(self) -> None:
        """Wait until all have ended."""
        for thread in self._threads:
            thread.join()
        if self._tracker:
            # It may wait for an answer of MLflow; what it leaves undone another worker finds.
            self._tracker.thread.join(_GOODBYE_SECONDS)
