"""JSON files of a source, read item by item, so that a large or hostile file takes little more than its bytes.

A document is an object whose values are looked at one by one, and those that are lists item by item. Nesting and the
size of an item are bounded before anything is made of them: as a value of Python a text takes up to 30 times its size.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from datasets.formats.protocol import Source
from datasets.formats.texts import read_bytes

MOST_DEPTH = 32
MOST_ITEM_BYTES = 4 * 1024 * 1024
# A string matches whether or not it ends, so that what is cut short is looked through once and not from every quote.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*){0,1000000}("?)|[{}\[\],:]', re.DOTALL)
_BLANK = re.compile(rb"[ \t\r\n]*")


@dataclass(frozen=True)
class JsonItem:
    """One item of a list: where its text lies in the file, and in which line it begins."""

    start: int
    end: int
    line: int


class JsonDocument:
    """A JSON file whose top is an object.

    Raises:
        ValueError: it is none, is nested too deeply, or is too long, in words that name the line.
    """

    def __init__(self, source: Source, name: str, most_bytes: int):
        self._text = read_bytes(source, name, most_bytes).removeprefix(b"\xef\xbb\xbf")
        if not self._text.lstrip().startswith(b"{"):
            raise ValueError("wanted a JSON object: { ... }")
        self._values = {str(self._load(key)): value for key, value in self._members()}

    def names(self) -> set[str]:
        """The names at the top."""
        return set(self._values)

    def has_list(self, key: str) -> bool:
        """Whether there is such a list."""
        return key in self._values and self._text[self._values[key].start : self._values[key].start + 1] == b"["

    def value(self, key: str) -> Any:
        """The value of a key, None when it is not there.

        Raises:
            ValueError: it is broken or too long.
        """
        return self.load(self._values[key]) if key in self._values else None

    def items(self, key: str) -> Iterator[JsonItem]:
        """The items of a list, not read yet; none when there is no such list."""
        if not self.has_list(key):
            return
        whole = self._values[key]
        line, counted = whole.line, whole.start
        for start, end in self._parts(whole.start, whole.end):
            line, counted = line + self._text.count(b"\n", counted, start), start
            yield JsonItem(start, end, line)

    def load(self, item: JsonItem) -> Any:
        """The value of an item.

        Raises:
            ValueError: it is no JSON, or too long, in words.
        """
        if item.end - item.start > MOST_ITEM_BYTES:
            raise ValueError(f"the item has {item.end - item.start:,} bytes, allowed are {MOST_ITEM_BYTES:,}")
        return self._load((item.start, item.end))

    def _load(self, span: tuple[int, int]) -> Any:
        start, end = span
        try:
            return json.loads(self._text[start:end], parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            detail = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise ValueError(f"this is no JSON: {detail}") from None

    def _members(self) -> Iterator[tuple[tuple[int, int], JsonItem]]:
        """Keys and values of the top."""
        begin = self._text.index(b"{")
        for start, end in self._parts(begin, len(self._text)):
            key = _TOKEN.match(self._text, start, end)
            if key is None or key[0][:1] != b'"':
                raise ValueError(f'line {self._line(start)}: wanted a name in quotes, as in "images": [...]')
            colon = _TOKEN.search(self._text, key.end(), end)
            if colon is None or colon[0] != b":":
                raise ValueError(f"line {self._line(start)}: wanted : after the name")
            value = self._strip(colon.end(), end)
            yield key.span(), JsonItem(*value, self._line(value[0]))

    def _parts(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """What lies between the commas of the list or object that begins at `begin`."""
        depth, start = 0, begin + 1
        for token in _TOKEN.finditer(self._text, begin, end):
            character = token[0][:1]
            if token[1] == b"":
                raise ValueError(f"line {self._line(token.start())}: the string that begins here does not end")
            if character in b"{[":
                depth += 1
                if depth > MOST_DEPTH:
                    raise ValueError(f"line {self._line(token.start())}: nested deeper than {MOST_DEPTH} levels")
            elif character in b"}]":
                depth -= 1
            if (depth == 1 and character == b",") or depth == 0:
                part = self._strip(start, token.start())
                if part[0] < part[1]:
                    yield part
                elif depth or character == b",":
                    raise ValueError(f"line {self._line(token.start())}: nothing stands before the comma")
                start = token.end()
            if depth == 0:
                return
        raise ValueError(f"the file ends in the middle of the JSON that begins in line {self._line(begin)}")

    def _strip(self, start: int, end: int) -> tuple[int, int]:
        blank = _BLANK.match(self._text, start, end)
        start = blank.end() if blank else start
        while end > start and self._text[end - 1] in b" \t\r\n":
            end -= 1
        return start, end

    def _line(self, position: int) -> int:
        return self._text.count(b"\n", 0, position) + 1


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")
