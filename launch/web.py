"""The web server: gunicorn around `DIYML:app`, run as `python -m launch.web`."""

from __future__ import annotations

import logging
import os
import select
import sys
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.util import import_app
from gunicorn.workers.gthread import ThreadWorker

from environments import configure_libraries
from inference.service.folder import RunFolder
from launch.doorway import Doorway
from launch.members import WEB_STOP_SECONDS
from settings import Settings

MEMORY_FOLDER = "/dev/shm"  # noqa: S108 - gunicorn makes a file of its own there, with a random name


class WebWorker(ThreadWorker):
    """Gunicorn's threaded worker, with a doorway, and with an end that leaves no connection hanging.

    Gunicorn's own keeps the port open until its last request is answered. Whoever connects meanwhile waits in vain, and
    so does whoever connected a moment before the signal and was not accepted yet.
    """

    doorway = Doorway(None)

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """Give a request on a kept connection to a thread, unless it is turned away here."""
        if not self.alive or not self.doorway.turns_away(conn):
            super().on_client_socket_readable(conn, client)
            return
        conn.set_timeout()
        # The one that may wait the longest is the last.
        self.keepalived_conns.remove(conn)
        self.keepalived_conns.append(conn)

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

    def __init__(self, settings: Settings, app: str = "DIYML:app"):
        self._app = app
        process = WebProcess(settings, RunFolder.of(settings).make())
        hooks = {"post_worker_init": process.begin, "child_exit": process.ended}
        self._options = {**gunicorn_options(settings), **hooks}
        super().__init__()

    def load_config(self) -> None:
        """Hand gunicorn its options."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The WSGI application; asked for in each worker process after the fork, since pymongo must not be forked."""
        return import_app(self._app)


class WebProcess:
    """Prepares each of the web processes after its fork."""

    def __init__(self, settings: Settings, folder: RunFolder):
        self._log_level = settings.log_level
        self._folder = folder
        # Read when the library is imported, which happens after the fork.
        configure_libraries(PROMETHEUS_MULTIPROC_DIR=str(folder.metrics))

    def begin(self, worker: Any) -> None:
        """Tell the application what only its server knows, and go where a relative path leads nowhere."""
        self._log()
        os.chdir(self._folder.empty)
        platform = getattr(worker.wsgi, "extensions", {}).get("diyml")
        if platform is not None:
            # A live stream would hold up a process that is about to end.
            platform.stopping = lambda: not worker.alive
            platform.metrics_folder = self._folder.metrics
            platform.engine_folder = self._folder
            worker.doorway = Doorway(worker.wsgi.wsgi_app)
        if (moodle := getattr(worker.wsgi, "extensions", {}).get("diyml_moodle")) is not None:
            moodle.get_ready()  # of the backend alone, which is there for nothing else

    def ended(self, server: object, worker: Any) -> None:
        """Forget what a process that is gone was doing; what it has counted stays."""
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid, str(self._folder.metrics))

    def _log(self) -> None:
        from api.request_log import RequestIdFilter  # brings the application, which is not for the parent process

        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s [%(request_id)s]: %(message)s"))
        handler.addFilter(RequestIdFilter())
        logging.basicConfig(level=self._log_level, handlers=[handler])
        logging.getLogger("pymongo").setLevel(logging.WARNING)
        requests = logging.getLogger("diyml.requests")
        requests.addHandler(plain := logging.StreamHandler())
        plain.setFormatter(logging.Formatter("%(message)s"))
        requests.propagate = False


def gunicorn_options(settings: Settings) -> dict[str, Any]:
    """What differs from gunicorn's own defaults."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {
        "limit_request_line": 8190,  # a list may be filtered by many classes, each with its name
        "bind": f"{host}:{settings.port}",
        "workers": settings.web_workers,
        "threads": settings.web_threads,
        "worker_class": WebWorker,
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
    WebServer(Settings.from_environment(), *sys.argv[2:3]).run()
