"""What resources need, made at first use and shared by all requests of one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from celery import Celery

from api.introspection import Introspection
from api.recent import Recent
from api.request_id import request_id
from api.streams import Streams
from api.watch import Watch
from datasets.placing import complete_images
from datasets.thumbnails import Thumbnails
from inference.answers import Engine
from inference.service.client import RemoteEngine
from inference.service.folder import RunFolder
from settings import Settings
from storage.file_cache import FileCache
from storage.store import Store
from streams.sending import Sender
from training.queue import celery_app
from utils import Unavailable

_SILENT = "the database does not answer: try again in a moment"
_RETRY_AFTER_SECONDS = 2
_SPARED_SECONDS = 1.0


@dataclass(frozen=True)
class Services:
    """The rooms below, ready to use."""

    settings: Settings
    store: Store
    engine: Engine
    queue: Celery
    streams: Streams
    uploads: Streams
    thumbnails: Thumbnails
    introspection: Introspection | None
    sender: Sender


class Platform:
    """Gives the services; the first call connects.

    Args:
        read: gives the settings; called once, at first use.
        ensure: gives them with a `mongo_uri`; called once, at first use, and may start what is needed.

    Attributes:
        stopping: whether the process is about to end, so that no stream holds it up; the web server sets it.
        metrics_folder: where several web processes put what they count; the web server sets it.
        engine_folder: where the engine listens that several web processes share; the web server sets it, and without
            it this process has an engine of its own.
        watch: asks whether the parts of the platform answer.
    """

    stopping: Callable[[], bool]
    metrics_folder: Path | None = None
    engine_folder: RunFolder | None = None

    def __init__(self, read: Callable[[], Settings], ensure: Callable[[Settings], Settings]):
        self.stopping = lambda: False
        self.watch = Watch()
        self._read = read
        self._ensure = ensure
        self._lock = threading.Lock()
        self._services: Services | None = None
        self._failed_at = float("-inf")
        self._silent_until = float("-inf")
        self._answered_at = float("-inf")

    @cached_property
    def settings(self) -> Settings:
        """The settings as the operator gave them."""
        return self._read()

    @cached_property
    def recent(self) -> Recent:
        """What was read a moment ago."""
        return Recent(self.services.store.changes)

    def mark_changed(self) -> None:
        """Something may have changed of who may do what, or of what a project answers with."""
        if self._services is not None:
            self._services.store.changes.mark()

    @property
    def services(self) -> Services:
        """The services.

        Raises:
            Unavailable: the database does not answer; the next call tries again, though not at once.
        """
        if time.monotonic() < self._silent_until:
            raise Unavailable(_SILENT, retry_after_seconds=_RETRY_AFTER_SECONDS)
        if self._services is None:
            came = time.monotonic()
            with self._lock:
                if self._services is None:
                    self._services = self._open_unless_failed(came)
        return self._services

    def engine_has_room(self) -> bool:
        """Whether a prediction would not be refused now, as far as is known without asking; connects to nothing."""
        return self._services is None or self._services.engine.has_room()

    def database_answered(self) -> None:
        """A request was done that needs the database."""
        self._answered_at = time.monotonic()

    def database_was_silent(self, since: float) -> None:
        """A request waited for the database in vain.

        Those that waited for its thread meanwhile are told so at once, not one after the other; else a crowd would
        keep every thread busy with waiting. When others were done meanwhile, the database is back and nobody is told.

        Args:
            since: when the request began, monotonic.
        """
        if self._answered_at < since:
            self._silent_until = time.monotonic() + _SPARED_SECONDS

    def _open_unless_failed(self, came: float) -> Services:
        """Callers that wait while one tries in vain are told so at once, not one after the other."""
        if self._failed_at > came:
            raise Unavailable(_SILENT, retry_after_seconds=_RETRY_AFTER_SECONDS)
        try:
            return self._open()
        except Unavailable:
            self._failed_at = time.monotonic()
            raise

    def _open(self) -> Services:
        settings = self._ensure(self.settings)
        store = Store(settings)
        try:
            store.prepare()
            complete_images(store)
        except BaseException:
            store.close()
            raise
        engine = self._engine(store, settings)
        queue, streams = celery_app(settings, sends=True), Streams(settings.web_threads)
        uploads = Streams(settings.web_threads, "upload")
        introspection = Introspection(settings, store) if settings.introspection_url else None
        thumbnails, sender = _thumbnails(store, settings), Sender(settings)
        return Services(settings, store, engine, queue, streams, uploads, thumbnails, introspection, sender)

    def _engine(self, store: Store, settings: Settings) -> Engine:
        if self.engine_folder:
            return RemoteEngine(self.engine_folder, request_id)
        from inference.engine import LocalEngine  # brings the runtime, which a process with a remote one does without

        return LocalEngine(store, settings)


def _thumbnails(store: Store, settings: Settings) -> Thumbnails:
    folder = settings.data_dir.absolute() / "cache" / "thumbnails"
    cache = FileCache(folder, settings.thumbnail_cache_bytes)
    return Thumbnails(store.image_files, cache, settings.max_image_pixels, settings.web_threads)
