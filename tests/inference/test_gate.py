"""The gate counts images, not requests, never keeps a large request out for good, and gives nobody all of it."""

from __future__ import annotations

import dataclasses

import pytest

from inference.answers import Left
from inference.gate import Gate, Limits
from utils import DomainError, TooManyRequests, Unavailable

LIMITS = Limits(running=2, waiting=3)


def refused(gate: Gate, caller: str, images: int) -> DomainError:
    with pytest.raises((TooManyRequests, Unavailable)) as caught, gate.admit(caller, images):
        pass
    return caught.value


def test_images_wait_up_to_the_bound_and_no_further() -> None:
    gate = Gate(LIMITS)
    with gate.admit("ada", 4):
        assert "4 images" in refused(gate, "bob", 2).detail
        with gate.admit("bob", 1):
            assert isinstance(refused(gate, "eve", 1), Unavailable)
    with gate.admit("ada", 5):
        pass


def test_a_request_larger_than_all_places_is_served_while_nobody_else_waits() -> None:
    gate = Gate(Limits(running=1, waiting=1, per_caller=8))
    with gate.admit("ada", 64):
        refused(gate, "bob", 1)
    with gate.admit("ada", 1):
        refused(gate, "bob", 64)


def test_a_place_is_given_back_when_a_request_fails() -> None:
    gate = Gate(Limits(running=1, waiting=0, per_caller=1))
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.admit("ada", 1):
            raise ZeroDivisionError
    with gate.admit("ada", 1):
        pass


def test_one_caller_cannot_take_all_places() -> None:
    gate = Gate(dataclasses.replace(LIMITS, per_caller=3))
    with gate.admit("ada", 3):
        error = refused(gate, "ada", 1)
        assert isinstance(error, TooManyRequests)
        assert "3 images of yours" in error.detail
        with gate.admit("bob", 2):
            pass


def test_a_minute_holds_so_many_images_of_a_caller_and_the_answer_says_when_to_come_back() -> None:
    gate = Gate(dataclasses.replace(LIMITS, per_minute=4))
    for images in (1, 3):
        with gate.admit("ada", images):
            pass
    error = refused(gate, "ada", 2)
    assert isinstance(error, TooManyRequests)
    assert 25 <= error.retry_after_seconds <= 30  # two images are worth half a minute
    with gate.admit("bob", 5):  # more than a minute's worth, but nothing is used up
        pass
    refused(gate, "bob", 1)


def test_what_is_refused_is_not_charged() -> None:
    gate = Gate(dataclasses.replace(LIMITS, per_caller=2, per_minute=4))
    with gate.admit("ada", 2):
        for _ in range(10):
            refused(gate, "ada", 2)
    with gate.admit("ada", 2):
        pass


def test_nobody_is_let_in_to_wait_longer_than_allowed() -> None:
    gate = Gate(Limits(running=2, waiting=100, wait_seconds=10))
    for _ in range(3):
        gate.took(8.0)  # two at a time: four seconds an image
    with gate.admit("ada", 2):
        with gate.admit("bob", 1):
            error = refused(gate, "eve", 1)
            assert error.retry_after_seconds == 12
        with gate.admit("eve", 1):
            pass


def test_others_are_told_for_how_many_there_is_room() -> None:
    told: list[int] = []
    gate = Gate(Limits(running=1, waiting=1), told.append)
    with gate.admit("ada", 1), gate.admit("bob", 1):
        assert gate.room == 0
        refused(gate, "eve", 1)
    assert told == [2, 1, 0, 1, 2]


def test_what_is_left_is_told_as_it_will_be_after_the_answer():
    gate = Gate(Limits(running=4, waiting=4, per_caller=5, per_minute=60))
    with gate.admit("ada", 2), gate.admit("ada", 1):
        left = gate.left("ada", 1)
        assert (left.at_once, left.a_minute) == (3, 57)
        assert 2 <= left.seconds <= 3
    assert gate.left("bob", 0) == Left(5, 60, 0)
    assert Gate(Limits(running=1, waiting=1, per_caller=5)).left("ada", 0) == Left(5)
