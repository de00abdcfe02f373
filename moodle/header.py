"""The three lines that a data file of Moodle begins with."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass

from utils import InvalidInput

_MOST_CLASSES = 1000
MOST_FEATURES = 100_000
HEADER_LINES = 3
_WANTED = "wanted are a line of names, a line of their values, and a line of column names"


@dataclass(frozen=True)
class Header:
    """What a file says of its rows.

    Attributes:
        columns: names, in the order of the file; with the target or the sample id among them.
        classes: values of the target, as text, in the file's order; None when the file names none.
        meta: names and values as they stand.
    """

    columns: tuple[str, ...]
    classes: tuple[str, ...] | None
    meta: dict[str, str]

    def needed_classes(self) -> tuple[str, ...]:
        """The classes.

        Raises:
            InvalidInput: the file names none.
        """
        if self.classes is None:
            raise InvalidInput('the data file names no targetclasses: wanted is a JSON list such as "[0,1]"')
        return self.classes


def split_header(content: bytes) -> tuple[Header, int]:
    """The header of a file, and where the rows that follow it begin.

    Raises:
        InvalidInput: it is none.
    """
    if b"\0" in content:
        raise InvalidInput(f"the data file holds a NUL byte, which no CSV has: {_WANTED}")
    lines, place = [], 3 if content.startswith(b"\xef\xbb\xbf") else 0
    for _ in range(HEADER_LINES):
        end = content.find(b"\n", place)
        stop = len(content) if end < 0 else end
        lines.append(_cells(content[place:stop]))
        place = stop + 1
    if not all(lines):
        raise InvalidInput(f"the data file is empty or cut short: {_WANTED}")
    if len(lines[0]) != len(lines[1]):
        raise InvalidInput(f"line 1 has {len(lines[0])} names and line 2 {len(lines[1])} values: {_WANTED}")
    if len(lines[2]) > MOST_FEATURES + 1:
        raise InvalidInput(f"line 3 names {len(lines[2]):,} columns, allowed are {MOST_FEATURES + 1:,}")
    meta = dict(zip(lines[0], lines[1], strict=True))
    if meta.get("targettype", "").strip().lower() == "linear":
        raise InvalidInput("targettype is linear: only classes can be predicted, wanted is a target with classes")
    return Header(tuple(lines[2]), _classes(meta), meta), place


def _cells(line: bytes) -> list[str]:
    try:
        text = line.decode("utf-8").strip("\r\n ")
        rows = list(csv.reader([text], strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"the data file is no CSV in UTF-8 ({str(error)[:100]}): {_WANTED}") from None
    return [cell.strip() for cell in rows[0]] if rows else []


def _classes(meta: dict[str, str]) -> tuple[str, ...] | None:
    text = meta.get("targetclasses")
    if text is None:
        return None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):  # the latter of a hundred thousand brackets
        values = None
    if not isinstance(values, list) or not all(map(_is_class, values)):
        raise InvalidInput(f"targetclasses must be a JSON list such as [0,1], got {text[:100]!r}")
    classes = tuple(value if isinstance(value, str) else json.dumps(value) for value in values)
    if not 2 <= len(set(classes)) == len(classes) <= _MOST_CLASSES:
        raise InvalidInput(f"targetclasses must be 2 to {_MOST_CLASSES} different values, got {text[:100]}")
    return classes


def _is_class(value: object) -> bool:
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)  # halves of characters are no text
    try:
        return isinstance(value, (int, float)) and math.isfinite(value)
    except OverflowError:  # an integer of more than 308 digits
        return False
