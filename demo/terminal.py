"""What the person in front of the terminal sees: bars that move there, plain lines in a file or a pipe."""

from __future__ import annotations

import os
from typing import Any, TextIO

BAR_CHARACTERS = 24
LABEL_CHARACTERS = 12
_ERASE = "\r\x1b[2K"


class Terminal:
    """A stream for sentences and bars."""

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._is_live = stream.isatty() and os.environ.get("TERM") != "dumb"

    def say(self, text: str = "") -> None:
        """A line that stays."""
        self._write(f"{text}\n")

    def bar(self, label: str) -> Bar:
        """A new bar."""
        return Bar(self, label)

    def draw(self, label: str, fraction: float, text: str) -> None:
        """A line that the next one overwrites; nothing where lines cannot be overwritten."""
        if self._is_live:
            filled = round(BAR_CHARACTERS * min(1.0, max(0.0, fraction)))
            self._write(f"{_ERASE}  {label:{LABEL_CHARACTERS}}[{'#' * filled:.<{BAR_CHARACTERS}}] {text}")

    def settle(self, label: str, text: str) -> None:
        """A labelled line that stays, in the place of one that was drawn."""
        erase = _ERASE if self._is_live else ""
        self._write(f"{erase}  {label:{LABEL_CHARACTERS}}{text}\n")

    def milestone(self, label: str, text: str) -> None:
        """A line for those who cannot see bars."""
        if not self._is_live:
            self.settle(label, text)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class Bar:
    """One step of the story on its way."""

    def __init__(self, terminal: Terminal, label: str):
        self._terminal = terminal
        self._label = label
        self._milestone: Any = None

    def show(self, fraction: float, text: str, milestone: Any = None) -> None:
        """Move the bar.

        Args:
            milestone: without bars, a line is written each time this changes.
        """
        self._terminal.draw(self._label, fraction, text)
        if milestone != self._milestone:
            self._milestone = milestone
            self._terminal.milestone(self._label, text)

    def end(self, text: str) -> None:
        """Replace the bar by what came of it."""
        self._terminal.settle(self._label, text)


def clock(seconds: float) -> str:
    """Minutes and seconds: `1:05`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
