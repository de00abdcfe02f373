"""Everything on one machine: the family behind `python3 DIYML.py`, and a worker alone."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from launch.family import Family, LaunchError, Member
from launch.folder import BACKEND, FAMILY, MAINTENANCE, FolderLock, Holder, has_users, holder_of, open_folder
from launch.members import mongod_member, moodle_member, reachable, stream_member, web_members, worker_member
from launch.signals import SignalPauses
from settings import Settings
from storage.mongod import EmbeddedMongod, describe_server
from training.worker.devices import DeviceMissing, find_devices, parse, wants_gpu

Say = Callable[[str], None]
BACKEND_PATIENCE_SECONDS = 60.0
LEFTOVER_PATIENCE_SECONDS = 20.0


def serve(settings: Settings, say: Say) -> None:
    """Run database, worker and web server until a stop signal.

    Raises:
        LaunchError: the folder is in use, the port is taken, or a member did not start.
        MongodError: there is no database to be had.
    """
    folder = open_folder(settings.data_dir)
    settings = dataclasses.replace(settings, data_dir=folder)
    me = Holder(os.getpid(), FAMILY, address_of(settings), embedded=not settings.mongo_uri)
    with SignalPauses() as pauses, held(folder, me) as lock:
        check_port(settings, LEFTOVER_PATIENCE_SECONDS if lock.left_unclean() else 0)
        lock.describe(me)
        settings, members = all_members(settings)
        family = Family(members, say, pauses)
        try:
            if family.start():
                lock.describe(dataclasses.replace(me, ready=True))
                say(welcome(settings, me.embedded))
                family.run()
                say("Stopping.")
        finally:
            family.stop()
    say("Stopped.")


def all_members(settings: Settings) -> tuple[Settings, list[Member]]:
    """The members in starting order, and the settings with the URI of the database they share."""
    settings, members = backend_members(settings)
    logs = settings.data_dir / "logs"
    streams = [stream_member(settings, logs / "stream.log")] if settings.streams else []
    return settings, [*members, *streams, *web_members(settings, logs)]


def backend_members(settings: Settings) -> tuple[Settings, list[Member]]:
    """Database, when none is given, and worker; and the settings with the URI they share.

    Raises:
        LaunchError: the worker would lack a device that it was told to train on.
    """
    check_devices(settings)
    members = []
    if not settings.mongo_uri:
        server = EmbeddedMongod(settings.data_dir)
        server.prepare()
        settings = dataclasses.replace(settings, mongo_uri=server.connection().uri)
        members.append(mongod_member(server, settings))
    else:
        describe_server(settings.mongo_uri)
    return settings, [*members, worker_member(settings, settings.data_dir / "logs" / "worker.log")]


def work(settings: Settings, say: Say) -> None:
    """Run a worker alone, for a platform whose database and broker are elsewhere, until a stop signal.

    Raises:
        LaunchError: no MongoDB is named, or a device is that is not there.
        MongodError: it does not answer.
    """
    check_devices(settings)
    settings, where = _elsewhere(settings, "worker")
    _run_alone([worker_member(settings)], say, f"Worker for {where}. Ctrl-C ends it.")


def follow_streams(settings: Settings, say: Say) -> None:
    """Run a worker for streams alone, for a platform whose database and broker are elsewhere, until a stop signal.

    Raises:
        LaunchError: no MongoDB is named.
        MongodError: it does not answer.
    """
    settings, where = _elsewhere(settings, "stream worker")
    _run_alone([stream_member(settings)], say, f"Stream worker for {where}. Ctrl-C ends it.")


def serve_web(settings: Settings, say: Say) -> None:
    """Run the web server alone, for a platform whose database and workers are elsewhere, until a stop signal.

    Raises:
        LaunchError: no MongoDB is named, the port is taken, or the server did not start.
        MongodError: the database does not answer.
    """
    settings, where = _elsewhere(settings, "web server")
    check_port(settings, 0)
    _run_alone(web_members(settings), say, f"Web server at {address_of(settings)} for {where}. Ctrl-C ends it.")


def serve_moodle(settings: Settings, say: Say) -> None:
    """Run Moodle's machine-learning backend alone until a stop signal.

    Raises:
        LaunchError: the port is taken, or the server did not start.
    """
    # Each web process has another beside it that has loaded what trainings need; so these have a number of their own.
    workers = settings.moodle_web_workers
    settings = dataclasses.replace(settings, data_dir=open_folder(settings.data_dir), web_workers=workers)
    check_port(settings, 0)
    _run_alone([moodle_member(settings)], say, f"Moodle's backend is ready at {address_of(settings)}. Ctrl-C ends it.")


def _elsewhere(settings: Settings, what: str) -> tuple[Settings, str]:
    """Settings with a data folder of one's own, and the database in words.

    Raises:
        LaunchError: no MongoDB is named.
        MongodError: it does not answer.
    """
    if not settings.mongo_uri:
        raise LaunchError(
            f"a {what} alone needs MONGO_URI, the database of the platform it works for "
            "(and CELERY_BROKER_URL when that platform has one)"
        )
    settings = dataclasses.replace(settings, data_dir=open_folder(settings.data_dir))
    return settings, f"the database MongoDB {describe_server(settings.mongo_uri)}"


def _run_alone(members: list[Member], say: Say, ready: str) -> None:
    with SignalPauses() as pauses:
        family = Family(members, say, pauses)
        try:
            if family.start():
                say(ready)
                family.run()
        finally:
            family.stop()


def check_devices(settings: Settings) -> None:
    """See that GPUs which the operator named are there: a worker that ends at once would be started again for ever.

    Raises:
        LaunchError: one is not.
    """
    if wants_gpu(parse(settings.devices)):
        try:
            find_devices(settings.devices)
        except DeviceMissing as error:
            raise LaunchError(str(error)) from error


@contextlib.contextmanager
def held(folder: Path, me: Holder) -> Iterator[FolderLock]:
    """Hold the folder while the block runs.

    Raises:
        LaunchError: somebody else does; the message says who and how to end that.
    """
    lock = FolderLock(folder)
    locked = lock.acquire()
    # A backend ends by itself a moment after the last program that used it, so that is worth waiting for.
    leaving = (holder := holder_of(folder)) and holder.kind == BACKEND != me.kind and not has_users(folder)
    if not locked and not (leaving and lock.acquire(BACKEND_PATIENCE_SECONDS)):
        raise LaunchError(in_use(folder, holder_of(folder) or Holder()))
    try:
        yield lock
    finally:
        lock.release()


def in_use(folder: Path, holder: Holder) -> str:
    """Who runs on the folder and how to end it."""
    if holder.kind == BACKEND:
        return (
            f"the data folder {folder} is in use: a database for programs that import DIYML runs on it "
            f"(process {holder.pid}). End those programs, and it ends by itself"
        )
    if holder.kind == MAINTENANCE:
        return f"the data folder {folder} is in use: its database is being checked (process {holder.pid}); wait for it"
    where = f", {holder.address}" if holder.address else ""
    return f"DIYML is already running on {folder} (process {holder.pid}{where}). To end it: diyml stop, or Ctrl-C there"


def check_port(settings: Settings, patience_seconds: float) -> None:
    """See that the web server will be able to listen.

    Raises:
        LaunchError: the port is taken (for longer than `patience_seconds`), or the address is not ours.
    """
    deadline = time.monotonic() + patience_seconds
    while (error := _cannot_listen(settings.host, settings.port)) is not None:
        if error.errno != errno.EADDRINUSE:
            raise LaunchError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}")
        if time.monotonic() >= deadline:
            raise LaunchError(
                f"port {settings.port} on {settings.host} is taken by another program; end it or choose another "
                f"port: --port {settings.port + 1 if settings.port < 65_535 else 7001}"
            )
        time.sleep(0.05)  # The leftovers of a killed family are on their way out and tell nobody.


def _cannot_listen(host: str, port: int) -> OSError | None:
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error
    return None


def address_of(settings: Settings) -> str:
    """Where a browser on this machine finds the platform."""
    host = reachable(settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def welcome(settings: Settings, embedded: bool) -> str:
    """What the operator wants to know once everything runs."""
    queue = settings.broker_url.split("@")[-1].split("?")[0] if settings.broker_url else "kept in the database"
    everywhere = "" if reachable(settings.host) == settings.host else " and on every other address of this machine"
    return (
        f"DIYML is ready at {address_of(settings)}{everywhere}.\n"
        f"  database  {'embedded' if embedded else 'your'} MongoDB {describe_server(settings.mongo_uri)}\n"
        f"  queue     {queue}\n"
        f"  data      {settings.data_dir}\n"
        f"  logs      {settings.data_dir / 'logs'}\n"
        "Ctrl-C ends it."
    )
