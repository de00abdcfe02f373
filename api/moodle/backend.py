"""What the routes need, made at first use."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from moodle.account import delete_those_gone
from moodle.engine import Engine
from moodle.shelves.choosing import needs_database, shelf_alone, shelf_in_server
from moodle.shelves.database import DatabaseShelf
from moodle.shelves.protocol import Shelf
from moodle.stash import Stash
from moodle.temporary import remove_left
from moodle.users import Users
from moodle.workers import Processes
from settings import Settings
from storage.store import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Backend:
    """The rooms below; `store` is None for a backend that runs without a database, and so without accounts."""

    settings: Settings
    engine: Engine
    users: Users
    store: Store | None
    stash: Stash | None

    @property
    def may_be_called(self) -> bool:
        """Whether there can be anybody who may call."""
        return bool(self.users) or self.store is not None


class Backends:
    """Gives the backend; the first call makes it.

    Args:
        settings: cheap, and asked without anything that needs a database.
        make: once.
    """

    def __init__(self, settings: Callable[[], Settings], make: Callable[[], Backend]):
        self.settings = settings
        self._make = make
        self._lock = threading.Lock()
        self._made: Backend | None = None

    def get(self) -> Backend:
        """The backend.

        Raises:
            Unavailable: the database does not answer; the next call tries again.
        """
        if self._made is None:
            with self._lock:
                if self._made is None:
                    self._made = self._make()
        return self._made

    def get_ready(self) -> None:
        """Do in the background what the first training would have to wait for."""
        threading.Thread(target=self._get_ready, daemon=True).start()

    def _get_ready(self) -> None:
        try:
            backend = self.get()
            if backend.may_be_called:
                backend.engine.get_ready()
        except Exception as error:  # the first call meets it again, and its caller is told
            logger.warning("Moodle's backend is not ready for a training yet: %s", error)


def in_server(settings: Settings, store: Store) -> Backend:
    """The backend of the main server."""
    return _backend(settings, shelf_in_server(settings, store.moodle_objects), store)


def alone(settings: Settings, ensure: Callable[[Settings], Settings]) -> Backend:
    """A backend that runs alone, with a database when it keeps its models there, or when one is named.

    Args:
        ensure: gives settings with a database that runs.
    """
    if not needs_database(settings) and not settings.mongo_uri:
        return _backend(settings, shelf_alone(settings), None)
    settings = ensure(settings)
    store = Store(settings)
    try:
        store.prepare()
    except BaseException:
        store.close()
        raise
    kept = needs_database(settings)
    shelf = shelf_in_server(settings, store.moodle_objects) if kept else shelf_alone(settings)
    return _backend(settings, shelf, store)


def _backend(settings: Settings, shelf: Shelf, store: Store | None) -> Backend:
    remove_left(settings)
    stash = Stash(Path(settings.moodle_stash_dir)) if settings.moodle_stash_dir else None
    if store and not isinstance(shelf, DatabaseShelf):  # whose accounts may have been deleted by another process
        delete_those_gone(shelf, store.users.gone)
    return Backend(settings, Engine(shelf, Processes(settings), settings), Users(settings.moodle_users), store, stash)
