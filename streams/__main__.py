"""`python -m streams`: follows streams until it is asked to stop; needs MONGO_URI."""

from __future__ import annotations

import logging
import os
import sys

from settings import Settings, SettingsError
from storage.store import Store
from streams.crew import LOOK_SECONDS, Crew
from utils import StopSignal, Unavailable

logger = logging.getLogger(__name__)


def main() -> int:
    """Follow streams until SIGTERM or SIGINT; other workers then go on with them."""
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.stderr.write(f"diyml stream: {error}\n")
        return 1
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("pymongo").setLevel(logging.WARNING)
    stop = StopSignal()
    store = Store(settings)
    while not _prepared(store):
        if stop.wait(LOOK_SECONDS):
            return 0
    Crew(store, settings).run(stop.wait)
    store.close()
    return 0


def _prepared(store: Store) -> bool:
    try:
        store.prepare()
    except Unavailable as error:
        logger.warning("%s", error.detail)
        return False
    return True


if __name__ == "__main__":
    # A follower may be waiting for its broker, and nothing of that is worth waiting for.
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
