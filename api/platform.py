"""What resources need, made at first use and shared by all requests of one process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from celery import Celery

from inference.engine import Engine
from storage.store import Store
from training.queue import celery_app
from utils import Settings


@dataclass(frozen=True)
class Services:
    """The rooms below, ready to use."""

    settings: Settings
    store: Store
    engine: Engine
    queue: Celery


class Platform:
    """Gives the services; the first call connects.

    Args:
        read: gives the settings; called once, at first use.
        ensure: gives them with a `mongo_uri`; called once, at first use, and may start what is needed.
    """

    def __init__(self, read: Callable[[], Settings], ensure: Callable[[Settings], Settings]):
        self._read = read
        self._ensure = ensure
        self._lock = threading.Lock()
        self._services: Services | None = None

    @cached_property
    def settings(self) -> Settings:
        """The settings as the operator gave them."""
        return self._read()

    @property
    def services(self) -> Services:
        """The services.

        Raises:
            Unavailable: the database does not answer; the next call tries again.
        """
        if self._services is None:
            with self._lock:
                if self._services is None:
                    self._services = self._open()
        return self._services

    def _open(self) -> Services:
        settings = self._ensure(self.settings)
        store = Store(settings)
        try:
            store.prepare()
        except BaseException:
            store.close()
            raise
        return Services(settings, store, Engine(store, settings), celery_app(settings))
