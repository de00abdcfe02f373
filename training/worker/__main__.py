"""`python -m training.worker`: works until it is asked to stop; needs MONGO_URI."""

from __future__ import annotations

import logging
import os
import sys

from settings import Settings, SettingsError
from storage.store import Store
from training.queue import celery_app, queues_of
from training.worker.crew import Crew
from training.worker.devices import DeviceMissing, find_devices
from training.worker.receiver import Receiver
from utils import StopSignal

logger = logging.getLogger(__name__)


def main() -> int:
    """Work until SIGTERM or SIGINT; trainings that run then go back to the queue."""
    try:
        settings = Settings.from_environment()
        devices = find_devices(settings.devices)
    except (SettingsError, DeviceMissing) as error:
        sys.stderr.write(f"diyml worker: {error}\n")
        return 1
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("pymongo").setLevel(logging.WARNING)
    stop = StopSignal()
    logger.info("training on %s", ", ".join(f"{device} ({device.name})" for device in devices))
    store = Store(settings)
    crew = Crew(store, settings, devices)
    crew.start()
    listening = queues_of(device.kind for device in devices)
    Receiver(celery_app(settings), listening, crew.call, settings.log_level).thread.start()
    stop.wait()
    logger.info("asked to stop")
    crew.stop()
    crew.join()
    store.close()
    return 0


if __name__ == "__main__":
    # The receiver may be waiting for its broker, and nothing of it is worth waiting for.
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
