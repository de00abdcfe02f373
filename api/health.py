"""`/health` and `/ready`: for whoever watches over the platform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from api.platform import Services
from api.resource import PlatformResource
from storage.workers import SILENT_SECONDS
from training.queue import broker_answers
from utils import Unavailable

_RETRY_AFTER_SECONDS = 2
_NO_DATABASE = "the database does not answer: see that it runs and can be reached"
_NO_BROKER = "the broker does not answer: see that it runs, and that CELERY_BROKER_URL and its password are right"
_NO_INFERENCE = "inference does not answer: it is started again by itself; see its log, logs/inference.log"
_NO_WORKER = f"no worker has been heard of for {SILENT_SECONDS:.0f} s: start one with 'python3 DIYML.py worker'"


def _database(services: Services) -> str:
    return "" if services.store.answers() else _NO_DATABASE


def _broker(services: Services) -> str:
    if not services.settings.broker_url:
        return _database(services)
    return "" if broker_answers(services.queue) else _NO_BROKER


def _worker(services: Services) -> str:
    return _database(services) or ("" if services.store.workers.live() else _NO_WORKER)


def _inference(services: Services) -> str:
    return "" if services.engine.answers() else _NO_INFERENCE


# What the platform is made of: each gives what is wrong and what to do, or nothing. A further part is one line here.
PARTS: dict[str, Callable[[Services], str]] = {
    "database": _database,
    "broker": _broker,
    "worker": _worker,
    "inference": _inference,
}


class Health(PlatformResource):
    """The process lives."""

    def get(self) -> dict[str, Any]:
        """Always well; touches nothing."""
        return {"status": "ok"}


class Readiness(PlatformResource):
    """The platform as a whole can work, all its machines together."""

    def get(self) -> dict[str, Any]:
        """Well while every part answers; says within three seconds which do not."""
        problems = self.watch().problems({name: self._asker(ask) for name, ask in PARTS.items()})
        if problems:
            errors = [{"field": name, "message": problem} for name, problem in problems.items()]
            # Several parts may be silent for one reason.
            detail = "; ".join(dict.fromkeys(problems.values()))
            raise Unavailable(f"not ready: {detail}", errors, _RETRY_AFTER_SECONDS)
        return {"status": "ok", "parts": dict.fromkeys(PARTS, "ok")}

    def _asker(self, ask: Callable[[Services], str]) -> Callable[[], str]:
        def asked() -> str:
            try:
                return ask(self.services)
            except Unavailable:  # what cannot be had without the database
                return _NO_DATABASE

        return asked
