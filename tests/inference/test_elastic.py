"""Two sessions of one model: the one for many callers is made when many call, and answers the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from inference.classification import INPUT, OUTPUT
from inference.elastic import ElasticSession
from inference.sessions import open_session
from tests.inference.models import SIZE_PX, brightness_model

IMAGES = np.full((1, SIZE_PX, SIZE_PX, 3), 51, np.uint8)


class Recorded:
    """A real session that tells how many threads it was made with when it runs."""

    def __init__(self, threads: int, ran: list[int]):
        self._session, self._threads, self._ran = open_session(brightness_model(), threads), threads, ran

    def run(self, names: list[str], inputs: dict[str, Any]) -> list[Any]:
        self._ran.append(self._threads)
        return self._session.run(names, inputs)


def test_a_lone_run_has_all_cores_and_one_of_many_has_one():
    busy = [1]
    ran: list[int] = []
    made_later: list[Callable[[], None]] = []
    session = ElasticSession(4, lambda: busy[0], lambda threads: Recorded(threads, ran), made_later.append)

    def answer() -> float:
        return float(session.run([OUTPUT], {INPUT: IMAGES})[0][0, 0])

    alone = answer()
    assert ran == [4]
    busy[0] = 4
    for _ in range(20):
        assert answer() == alone
    assert set(ran) == {4}
    assert len(made_later) == 1
    made_later[0]()
    assert session.count == 2
    assert answer() == alone
    busy[0] = 3
    answer()
    assert ran[-2:] == [1, 4]


def test_while_many_call_the_first_session_is_the_one_for_many():
    ran: list[int] = []
    session = ElasticSession(4, lambda: 9, lambda threads: Recorded(threads, ran), lambda task: task())
    session.run([OUTPUT], {INPUT: IMAGES})
    assert ran == [1]
    assert session.count == 1


def test_on_one_core_one_session_serves_all():
    ran: list[int] = []
    session = ElasticSession(1, lambda: 0, lambda threads: Recorded(threads, ran), lambda task: task())
    for _ in range(20):
        session.run([OUTPUT], {INPUT: IMAGES})
    assert set(ran) == {1}
    assert session.count == 1
