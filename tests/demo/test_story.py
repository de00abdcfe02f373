from __future__ import annotations

import io
from typing import Any

import pytest

from demo.client import Refused
from demo.examples import Example
from demo.story import place_what_is_right, show_training
from demo.terminal import Terminal


class Screen(io.StringIO):
    """A terminal, or a pipe."""

    def __init__(self, is_terminal: bool):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


class Picky:
    """A user whose platform has something against some label lines."""

    def __init__(self, status: int = 400, named: bool = True):
        self.placed: list[tuple[str, ...]] = []
        self._status, self._named = status, named

    def place(self, project: str, example: Example) -> None:
        bad = [number for number, line in enumerate(example.labels, 1) if line == "bad"]
        if bad:
            errors = [{"line": str(number)} for number in bad] if self._named else []
            raise Refused(self._status, {"detail": "the line is bad", "errors": errors})
        self.placed.append(example.labels)


TRAINING: dict[str, Any] = {
    "state": "running", "epoch": 1, "epochs": 2, "progress": 0.5, "eta_seconds": 65.0, "metrics": {"map50": 0.5}
}  # fmt: skip


def test_refused_lines_are_left_out_and_told() -> None:
    maker = Picky()
    refusals = place_what_is_right(maker, "p", Example("a", b"", ("good", "bad", "fine")))
    assert (maker.placed, refusals) == ([("good", "fine")], ["a: the line is bad"])


def test_an_image_that_is_refused_as_a_whole_is_told_once() -> None:
    maker = Picky(named=False)
    assert place_what_is_right(maker, "p", Example("a", b"", ("bad",))) == ["a: the line is bad"]
    assert maker.placed == []


def test_a_refusal_that_is_not_about_the_image_ends_the_story() -> None:
    with pytest.raises(Refused):
        place_what_is_right(Picky(status=401), "p", Example("a", b"", ("bad",)))


def test_a_terminal_gets_a_bar_that_moves() -> None:
    screen = Screen(is_terminal=True)
    show_training(Terminal(screen).bar("training"), TRAINING)
    assert screen.getvalue() == "\r\x1b[2K  training    [############............] epoch 1 of 2, mAP50 50.0%, 1:05 left"


def test_a_pipe_gets_one_plain_line_an_epoch() -> None:
    screen = Screen(is_terminal=False)
    bar = Terminal(screen).bar("training")
    for epoch in (1, 1, 2):
        show_training(bar, {**TRAINING, "epoch": epoch, "eta_seconds": None})
    assert screen.getvalue() == ("  training    epoch 1 of 2, mAP50 50.0%\n  training    epoch 2 of 2, mAP50 50.0%\n")
