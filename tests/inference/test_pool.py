"""Callers take turns, however much one of them has sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from inference.pool import FairPool
from tests.conftest import wait_until


@pytest.fixture
def pool() -> Iterator[FairPool]:
    pool = FairPool(1)
    yield pool
    pool.close()


class Held:
    """A task that runs until it is let go."""

    def __init__(self, pool: FairPool):
        self._go_on = threading.Event()
        begun = threading.Event()

        def task() -> None:
            begun.set()
            assert self._go_on.wait(30)

        self.future = pool.submit("first", task)
        assert begun.wait(30)

    def let_go(self) -> None:
        self._go_on.set()
        self.future.result(30)


def test_callers_take_turns_and_each_ones_tasks_stay_in_order(pool: FairPool) -> None:
    held, done = Held(pool), []
    plan = [("ada", 1), ("ada", 2), ("ada", 3), ("bob", 1), ("bob", 2), ("eve", 1)]
    futures = [pool.submit(who, lambda item=(who, n): done.append(item)) for who, n in plan]  # type: ignore[misc]
    assert pool.busy == 7
    held.let_go()
    for future in futures:
        future.result(30)
    assert done == [("ada", 1), ("bob", 1), ("eve", 1), ("ada", 2), ("bob", 2), ("ada", 3)]
    wait_until(lambda: pool.busy == 0)


def test_a_task_that_fails_tells_its_caller_and_harms_no_other(pool: FairPool) -> None:
    failed = pool.submit("ada", lambda: 1 / 0)
    assert pool.submit("bob", lambda: "fine").result(30) == "fine"
    with pytest.raises(ZeroDivisionError):
        failed.result(30)


def test_a_task_whose_caller_gave_up_is_not_run(pool: FairPool) -> None:
    held, ran = Held(pool), []
    future = pool.submit("ada", lambda: ran.append(1))
    assert future.cancel()
    held.let_go()
    pool.submit("ada", lambda: None).result(30)
    assert ran == []
    with pytest.raises(CancelledError):
        future.result(0)


def test_as_many_run_at_a_time_as_there_are_threads() -> None:
    pool = FairPool(3)
    together = threading.Barrier(3)
    futures = [pool.submit("ada", lambda: together.wait(30)) for _ in range(3)]
    assert sorted(future.result(30) for future in futures) == [0, 1, 2]
    pool.close()
