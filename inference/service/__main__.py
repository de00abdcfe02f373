"""`python -m inference.service FOLDER`: listens in the folder until it is asked to stop; needs MONGO_URI."""

from __future__ import annotations

import logging
import os
import sys
import threading
from pathlib import Path

import cv2

from inference.engine import LocalEngine
from inference.metrics import forget_the_dead
from inference.service.folder import RunFolder
from inference.service.room import Room
from inference.service.server import Server
from inference.suspects import Suspects
from settings import Settings, SettingsError
from storage.store import Store
from utils import StopSignal, step_back

logger = logging.getLogger(__name__)

_NICENESS = 5
_SWITCH_SECONDS = 0.001
_BETWEEN_LOOKS_SECONDS = 0.1


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or SIGINT."""
    # Web processes need little and at once; without this a full engine made them wait so long for their turn that what
    # they refuse took seconds.
    step_back(_NICENESS)
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.stderr.write(f"diyml inference: {error}\n")
        return 1
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("pymongo").setLevel(logging.WARNING)
    stop = StopSignal()
    # Each image has a thread already; and whoever comes back from a model must not wait for the interpreter.
    cv2.setNumThreads(0)
    sys.setswitchinterval(_SWITCH_SECONDS)
    folder = RunFolder(Path(arguments[0]))
    forget_the_dead(folder.metrics)
    room = Room(folder.room)
    engine = LocalEngine(Store(settings), settings, room.tell, Suspects(folder.suspects))
    server = Server(engine, folder, settings.max_request_bytes)
    os.chdir(folder.empty)  # where a relative path that a model might name leads nowhere
    threading.Thread(target=server.serve, name="listener", daemon=True).start()
    logger.info("ready")
    while not stop.wait(_BETWEEN_LOOKS_SECONDS):
        # Places that web processes took off for requests which never came.
        engine.tell_room()
    engine.close()
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # threads that wait for callers would keep the process
