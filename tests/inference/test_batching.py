"""Images that come together go in one run, and each caller gets the answer to his own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from inference.batching import BatchingSession
from inference.classification import INPUT, OUTPUT
from inference.sessions import open_session
from tests.conftest import wait_until
from tests.inference.models import SIZE_PX, brightness_model


class Slow:
    """A real session whose first run waits until it is let go; remembers how many images each run had."""

    def __init__(self) -> None:
        self.session, self.go_on = open_session(brightness_model(), 1), threading.Event()
        self.sizes: list[int] = []

    def run(self, names: list[str], inputs: dict[str, Any]) -> list[Any]:
        self.sizes.append(len(inputs[INPUT]))
        assert self.go_on.wait(30)
        return self.session.run(names, inputs)


def images(level: int) -> dict[str, np.ndarray]:
    return {INPUT: np.full((1, SIZE_PX, SIZE_PX, 3), level, np.uint8)}


def test_what_came_while_a_run_was_on_is_the_next_run_and_nobody_gets_anothers_answer():
    slow = Slow()
    batching = BatchingSession(slow, most=8)
    with ThreadPoolExecutor(21) as threads:
        first = threads.submit(batching.run, [OUTPUT], images(0))
        wait_until(lambda: slow.sizes == [1])
        others = {level: threads.submit(batching.run, [OUTPUT], images(level)) for level in range(5, 105, 5)}
        wait_until(lambda: sum(map(len, batching._waiting.values())) == 20)
        slow.go_on.set()
        for level, other in {0: first, **others}.items():
            answer = other.result(30)[0]
            assert answer.shape == (1, 2)
            assert answer[0, 0] == pytest.approx(level / 255, abs=1e-6)
    assert slow.sizes == [1, 8, 8, 4]
    assert not batching._waiting


def test_an_error_is_told_to_all_who_were_in_the_run_and_the_next_run_is_well():
    batching = BatchingSession(open_session(brightness_model(), 1), most=8)
    with pytest.raises(Exception, match="images"):
        batching.run([OUTPUT], {INPUT: np.zeros((1, 3, 3, 3), np.uint8)})
    assert batching.run([OUTPUT], images(255))[0][0, 0] == pytest.approx(1)
