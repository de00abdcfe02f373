"""The web server: gunicorn around `DIYML:app`, run as `python -m launch.web`."""

from __future__ import annotations

import os
import select
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.util import import_app
from gunicorn.workers.gthread import ThreadWorker

from launch.members import WEB_STOP_SECONDS
from utils import Settings

MEMORY_FOLDER = "/dev/shm"  # noqa: S108 - gunicorn makes a file of its own there, with a random name


class WebWorker(ThreadWorker):
    """Gunicorn's threaded worker, with an end that leaves no connection hanging.

    Gunicorn's own keeps the port open until its last request is answered. Whoever connects meanwhile waits in vain, and
    so does whoever connected a moment before the signal and was not accepted yet.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        """On the way out, take in what has connected already, then refuse further connections."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in list(self.sockets):
            while select.select([listener], [], [], 0)[0]:
                self.accept(listener)
            listener.close()
        self.sockets: list[Any] = []


class WebServer(BaseApplication):
    """Gunicorn with the settings of DIYML and none from a file or the command line."""

    def __init__(self, settings: Settings):
        self._options = gunicorn_options(settings)
        super().__init__()

    def load_config(self) -> None:
        """Hand gunicorn its options."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The WSGI application; asked for in each worker process after the fork, since pymongo must not be forked."""
        return import_app("DIYML:app")


def _tell_when_stopping(worker: Any) -> None:
    """Let the application ask whether this process is about to end: a live stream would hold it up."""
    platform = getattr(worker.wsgi, "extensions", {}).get("diyml")
    if platform is not None:
        platform.stopping = lambda: not worker.alive


def gunicorn_options(settings: Settings) -> dict[str, Any]:
    """What differs from gunicorn's own defaults."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {
        "bind": f"{host}:{settings.port}",
        "workers": settings.web_workers,
        "threads": settings.web_threads,
        "worker_class": WebWorker,
        "post_worker_init": _tell_when_stopping,
        "proc_name": "diyml-web",
        "loglevel": settings.log_level.lower(),
        # A thread may take its time over a slow upload; this is about a process whose main loop hangs.
        "timeout": 60,
        "graceful_timeout": WEB_STOP_SECONDS,
        "keepalive": 5,
        "control_socket_disable": True,
        # The heartbeat file: on a slow or full disk it would get healthy processes killed.
        "worker_tmp_dir": MEMORY_FOLDER if os.access(MEMORY_FOLDER, os.W_OK) else None,
    }


if __name__ == "__main__":
    WebServer(Settings.from_environment()).run()
