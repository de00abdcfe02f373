"""The members of the family: database, worker, inference and web server."""

from __future__ import annotations

import http.client
import signal
import sys
from pathlib import Path

from environments import child_environment
from inference.service.folder import RunFolder
from launch.family import Member
from settings import Settings
from storage.mongod import EmbeddedMongod

ROOT = Path(__file__).resolve().parent.parent
WEB_STOP_SECONDS = 15
# Nobody reads these arguments but people who look at a list of processes.
CALLED = {
    "worker": ("celery", "worker"),
    "web": ("gunicorn", "DIYML:app"),
    "moodle": ("gunicorn", "moodlemlbackend.webapp:app"),
}


def mongod_member(server: EmbeddedMongod, settings: Settings) -> Member:
    """The embedded database, after `server.prepare()`. It may need long: it recovers after a crash, and it flushes."""
    return Member(
        name="database",
        command=server.command(),
        environment=member_environment(settings),
        log=server.log,
        ready=server.answers,
        why_it_ended=server.why_it_ended,
        ready_seconds=300,
        stop_seconds=60,
        hurried_stop_seconds=10,
    )


def worker_member(settings: Settings, log: Path | None = None) -> Member:
    """The Celery worker; nobody waits for it to be ready, since jobs queue until it is."""
    return Member(
        name="worker",
        command=[sys.executable, "-m", "training.worker", *CALLED["worker"]],
        environment=member_environment(settings),
        log=log,
        # Told to end in order, it might wait for a training; with the parent gone nobody would end it after that.
        death_signal=signal.SIGKILL,
    )


def stream_member(settings: Settings, log: Path | None = None) -> Member:
    """The worker for streams; rows wait in their queues until it is there."""
    return Member(
        name="stream worker",
        command=[sys.executable, "-m", "streams"],
        environment={"MALLOC_ARENA_MAX": "2", **member_environment(settings)},
        log=log,
    )


def web_members(settings: Settings, logs: Path | None = None) -> list[Member]:
    """The web server, ready once it answers its own health check, and the inference engine behind it.

    Nobody waits for the engine: until it is there, who wants a prediction is told to try again.
    """
    folder = RunFolder.of(settings).make_anew()
    environment = _many_threads(settings, folder)
    inference = Member(
        name="inference",
        command=[sys.executable, "-m", "inference.service", str(folder.path)],
        environment=environment,
        log=logs / "inference.log" if logs else None,
    )
    web = Member(
        name="web server",
        command=[sys.executable, "-m", "launch.web", *CALLED["web"]],
        environment=environment,
        log=logs / "web.log" if logs else None,
        ready=lambda: is_healthy(settings.host, settings.port),
        stop_seconds=WEB_STOP_SECONDS + 5,
    )
    return [inference, web]


def moodle_member(settings: Settings) -> Member:
    """The web server of Moodle's backend alone."""
    folder = RunFolder.of(settings).make_anew()
    return Member(
        name="Moodle backend",
        command=[sys.executable, "-m", "launch.web", *CALLED["moodle"]],
        environment=_many_threads(settings, folder),
        ready=lambda: is_healthy(settings.host, settings.port),
        stop_seconds=WEB_STOP_SECONDS + 5,
    )


def _many_threads(settings: Settings, folder: RunFolder) -> dict[str, str]:
    # With a heap for each of their many threads, what one has freed would be no use to the others.
    return {
        "MALLOC_ARENA_MAX": "2",
        **member_environment(settings),
        "PROMETHEUS_MULTIPROC_DIR": str(folder.metrics),
    }


def is_healthy(host: str, port: int) -> bool:
    """True when `GET /health` is answered with 200 at this address."""
    connection = http.client.HTTPConnection(reachable(host), port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def reachable(host: str) -> str:
    """An address at which a server that listens on `host` answers on this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - a comparison


def member_environment(settings: Settings) -> dict[str, str]:
    # Ours come first wherever the command is started from, and a `utils.py` in that folder does not count (3.11+).
    environment = child_environment(settings, PYTHONSAFEPATH="1", PYTHONUNBUFFERED="1")
    inherited = environment.get("PYTHONPATH")
    return {**environment, "PYTHONPATH": f"{ROOT}:{inherited}" if inherited else str(ROOT)}
