"""A worker's streams: takes leases of those that nobody follows, keeps them, and shares them with other workers."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from bson import ObjectId

from settings import Settings
from storage.store import Store
from storage.streams import Stream
from training.worker.identity import Identity
from utils import Unavailable

if TYPE_CHECKING:
    from alerts.watching import Watcher
    from streams.follower import Follower

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
_STOP_SECONDS = 8.0


class Crew:
    """The streams that this process follows.

    Nothing that judges is imported before there is a stream to follow: a worker without one is small and idle.
    """

    def __init__(self, store: Store, settings: Settings):
        self._store = store
        self._settings = settings
        self._me = Identity.of_this_process()
        self._followers: dict[ObjectId, Follower] = {}
        self._watcher: Watcher | None = None
        self._announced = False

    def run(self, wait: Callable[[float], bool]) -> None:
        """Follow streams until `wait`, which gets the seconds until the next look, says that it is time to end."""
        while not wait(LOOK_SECONDS):
            try:
                self.look()
            except Unavailable as error:
                logger.warning("%s", error.detail)
        self.stop()

    def look(self) -> None:
        """Keep, give back and take."""
        self._remove_queues()
        self._keep()
        enabled = self._store.streams.enabled()
        if not enabled and not self._followers:
            self._leave()
            return
        workers = max(1, self._store.streams.announce(str(self._me)))
        self._announced = True
        self._share(math.ceil(enabled / workers))
        if self._watcher:
            self._watcher.tick()

    def stop(self) -> None:
        """Give all back."""
        followers = self._all()
        for follower in followers:
            follower.end()
        for follower in followers:
            self._give_back(follower)
        try:
            self._leave()
        except Unavailable as error:
            logger.info("%s", error.detail)

    def _all(self) -> list[Follower]:
        return list(self._followers.values())

    def _keep(self) -> None:
        for follower in self._all():
            renewed = self._store.streams.renew(follower.stream)
            if renewed is None or not follower.is_alive():
                follower.end()
                self._give_back(follower)
            else:
                follower.change(renewed)

    def _give_back(self, follower: Follower) -> None:
        follower.join(_STOP_SECONDS)
        self._followers.pop(follower.stream.id, None)
        try:
            self._store.streams.release(follower.stream)
        except Unavailable as error:
            logger.warning("%s", error.detail)  # it runs out by itself

    def _share(self, most: int) -> None:
        for follower in self._all()[most:]:
            follower.end()
            self._give_back(follower)
        while len(self._followers) < most:
            gone = [name for name in self._store.streams.holders() if self._me.knows_gone(name)]
            stream = self._store.streams.claim(str(self._me), gone)
            if stream is None:
                return
            self._follow(stream)

    def _follow(self, stream: Stream) -> None:
        from streams.follower import Follower

        logger.info("following stream %s of project %s", stream.id, stream.project_id)
        follower = Follower(self._store, self._settings, stream, self._watch())
        self._followers[stream.id] = follower
        follower.start()

    def _watch(self) -> Watcher:
        """The one that all followers tell of their rows."""
        if self._watcher is None:
            from alerts.watching import Watcher

            self._watcher = Watcher(self._store, self._settings)
        return self._watcher

    def _leave(self) -> None:
        if self._announced:
            self._store.streams.leave(str(self._me))
            self._announced = False

    def _remove_queues(self) -> None:
        """Of streams that were removed."""
        removed = self._store.streams.removed()
        if removed:
            from streams.connecting import connection, delete_queues

            with connection(self._settings) as broker:
                for stream in removed:
                    delete_queues(broker, stream)
                    self._store.streams.forget(stream.id)
