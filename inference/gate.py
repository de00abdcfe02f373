"""Who may predict now: a bounded number of images is under way, and one caller has no more than a part of them."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from inference.answers import Left
from inference.metrics import ADMITTED_IMAGES, REFUSED
from utils import DomainError, TooManyRequests, Unavailable, plural

_WINDOW_SECONDS = 60.0
_SMOOTHING = 0.05
_MANY_CALLERS = 10_000


@dataclass(frozen=True)
class Limits:
    """What the gate allows.

    Attributes:
        running: images that are worked on at a time.
        waiting: further images that may wait for that.
        wait_seconds: how long they may have to wait, as far as can be told from how long the last images took.
        per_caller: images one caller may have under way.
        per_minute: images one caller may send in a minute; 0 is as many as he likes.
    """

    running: int
    waiting: int
    wait_seconds: float = math.inf
    per_caller: int = 2**31
    per_minute: int = 0


class Gate:
    """Safe between threads.

    Args:
        tell: is told for how many more images there is room, whenever that changes.
    """

    def __init__(self, limits: Limits, tell: Callable[[int], None] = lambda places: None):
        self._limits = limits
        self._tell = tell
        self._lock = threading.Lock()
        self._admitted = 0
        self._of: Counter[str] = Counter()
        self._paid_until: dict[str, float] = {}
        self._seconds_an_image = 0.0
        self.tell_room()

    @contextmanager
    def admit(self, caller: str, images: int) -> Iterator[None]:
        """Let a request in with so many images, or refuse it at once.

        A request that is larger than all places together is let in while nobody else waits.

        Raises:
            TooManyRequests: the caller has used up what is his.
            Unavailable: too many wait already.
        """
        with self._lock:
            self._refuse_all(images)
            self._refuse_caller(caller, images)
            self._count(caller, images)
        try:
            yield
        finally:
            with self._lock:
                self._count(caller, -images)

    def left(self, caller: str, images: int) -> Left:
        """What a caller may still ask for, once so many images of his are done."""
        limits = self._limits
        with self._lock:
            at_once = max(0, limits.per_caller - self._of[caller] + images)
            owed = max(0.0, self._paid_until.get(caller, 0.0) - time.monotonic())
        if not limits.per_minute:
            return Left(at_once)
        a_minute = int((_WINDOW_SECONDS - owed) * limits.per_minute / _WINDOW_SECONDS)
        return Left(at_once, max(0, a_minute), math.ceil(owed))

    def took(self, seconds: float) -> None:
        """Learn how long one image was worked on."""
        each = seconds / self._limits.running
        with self._lock:
            known = self._seconds_an_image or each
            self._seconds_an_image = known + _SMOOTHING * (each - known)

    @property
    def room(self) -> int:
        """How many more images would be let in, whoever sends them."""
        if self._wait_seconds > self._limits.wait_seconds:
            return 0
        return max(0, self._limits.running + self._limits.waiting - self._admitted)

    @property
    def _wait_seconds(self) -> float:
        """How long a further image would wait."""
        return self._admitted * self._seconds_an_image

    def tell_room(self) -> None:
        """Tell for how many more images there is room."""
        with self._lock:
            self._tell(self.room)

    def _refuse_all(self, images: int) -> None:
        if self._admitted and images > self.room:
            detail = f"too many inferences are waiting ({plural(self._admitted, 'image')}): try again in a moment"
            raise _refused(Unavailable, "full", detail, self._wait_seconds)

    def _refuse_caller(self, caller: str, images: int) -> None:
        under_way, most = self._of[caller], self._limits.per_caller
        if under_way and under_way + images > most:
            detail = f"{plural(under_way, 'image')} of yours are under way, at most {most} may be: wait for an answer"
            raise _refused(TooManyRequests, "caller", detail, under_way * self._seconds_an_image)
        if self._limits.per_minute:
            self._charge(caller, images)

    def _charge(self, caller: str, images: int) -> None:
        """A leaky bucket that holds a minute's worth (the generic cell rate algorithm of ITU-T I.371).

        An empty one takes a request of any size.
        """
        now = time.monotonic()
        paid_until = max(now, self._paid_until.get(caller, now))
        after = paid_until + images * _WINDOW_SECONDS / self._limits.per_minute
        if paid_until > now and after - now > _WINDOW_SECONDS:
            detail = f"more than {plural(self._limits.per_minute, 'image')} a minute: send them more slowly"
            raise _refused(TooManyRequests, "rate", detail, after - now - _WINDOW_SECONDS)
        if len(self._paid_until) > _MANY_CALLERS:
            self._paid_until = {name: until for name, until in self._paid_until.items() if until > now}
        self._paid_until[caller] = after

    def _count(self, caller: str, images: int) -> None:
        self._admitted += images
        self._of[caller] += images
        if not self._of[caller]:
            del self._of[caller]
        ADMITTED_IMAGES.inc(images)
        self._tell(self.room)


def _refused(kind: type[DomainError], reason: str, detail: str, seconds: float) -> DomainError:
    REFUSED.labels(reason).inc()
    return kind(detail, retry_after_seconds=max(1, math.ceil(seconds)))
