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
from inference.service.full import FullFlag
from inference.service.server import Server
from storage.store import Store
from utils import Settings, SettingsError, StopSignal

logger = logging.getLogger(__name__)

_SWITCH_SECONDS = 0.001


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or SIGINT."""
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
    flag = FullFlag(folder.full)
    flag.set(False)
    engine = LocalEngine(Store(settings), settings, flag.set)
    server = Server(engine, folder, settings.max_request_bytes)
    os.chdir(folder.empty)  # where a relative path that a model might name leads nowhere
    threading.Thread(target=server.serve, name="listener", daemon=True).start()
    logger.info("ready")
    stop.wait()
    engine.close()
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # threads that wait for callers would keep the process
