"""The gate counts images, not requests, and never keeps a large request out for good."""

from __future__ import annotations

import pytest

from inference.gate import Gate
from utils import Unavailable


def test_images_wait_up_to_the_bound_and_no_further():
    gate = Gate(running=2, waiting=3)
    with gate.admit(4):
        with pytest.raises(Unavailable, match="4 images"):
            gate.admit(2).__enter__()
        with gate.admit(1), pytest.raises(Unavailable):
            gate.admit(1).__enter__()
    with gate.admit(5):
        pass


def test_a_request_larger_than_all_places_is_served_while_nobody_else_waits():
    gate = Gate(running=1, waiting=1)
    with gate.admit(64), pytest.raises(Unavailable):
        gate.admit(1).__enter__()
    with gate.admit(1), pytest.raises(Unavailable):
        gate.admit(64).__enter__()


def test_a_place_is_given_back_when_a_request_fails():
    gate = Gate(running=1, waiting=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.admit(1):
            raise ZeroDivisionError
    with gate.admit(1):
        pass
