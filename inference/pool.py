"""A few threads for many callers: whoever waits, waits for his own images and for one of each of the others."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
_Task = tuple["Future[Any]", Callable[[], Any]]


class FairPool:
    """Runs tasks, the callers' in turn (round robin), each caller's own in their order.

    Args:
        threads: tasks that run at a time.
    """

    def __init__(self, threads: int):
        self._waiting: OrderedDict[str, deque[_Task]] = OrderedDict()
        self._count = 0
        self._closed = False
        self._changed = threading.Condition()
        for number in range(threads):
            threading.Thread(target=self._work, name=f"inference-{number}", daemon=True).start()

    @property
    def busy(self) -> int:
        """Tasks that run or wait."""
        return self._count

    def submit(self, caller: str, task: Callable[[], T]) -> Future[T]:
        """Have a task run; a future that is cancelled before its turn is left out."""
        future: Future[T] = Future()
        with self._changed:
            self._waiting.setdefault(caller, deque()).append((future, task))
            self._count += 1
            self._changed.notify()
        return future

    def close(self) -> None:
        """Let the threads end once nothing waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        while (found := self._next()) is not None:
            future, task = found
            try:
                if future.set_running_or_notify_cancel():
                    future.set_result(task())
            except BaseException as error:  # it is the caller's, and this thread goes on
                future.set_exception(error)
            finally:
                del found, future, task  # the next wait may be long, and an image large
                with self._changed:
                    self._count -= 1

    def _next(self) -> _Task | None:
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return None
                self._changed.wait()
            caller, tasks = self._waiting.popitem(last=False)
            found = tasks.popleft()
            if tasks:
                self._waiting[caller] = tasks
            return found
