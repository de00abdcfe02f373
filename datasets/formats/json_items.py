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
MOST_ITEMS = 1_000_000
MOST_ITEM_BYTES = 4 * 1024 * 1024
# A string matches whether or not it ends, so that what is cut short is looked through once and not from every quote.
# An object without objects in it, as annotations are, is taken in one step: most of a file is made of them.
_FLAT = rb'\{[^{}"\\]*(?:"[^"\\]*"[^{}"\\]*){0,100}\}'
_TOKEN = re.compile(_FLAT + rb'|"[^"\\]*(?:\\.[^"\\]*){0,100000}("?)|[{}\[\]]', re.DOTALL)
_STEPS = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}
_COLON = re.compile(rb"[ \t\r\n]*:")
_BLANK = re.compile(rb"[ \t\r\n]*")


@dataclass(frozen=True)
class JsonItem:
    """One item of a list: where its text lies in the file, and in which line it begins."""

    start: int
    end: int
    line: int


class JsonDocument:
    """A JSON file whose top is an object.

    Args:
        outline: that of the same file read before, which saves looking through it again.

    Raises:
        ValueError: it is none, is nested too deeply, or is too long, in words that name the line.
    """

    def __init__(self, source: Source, name: str, most_bytes: int, outline: dict[str, JsonItem] | None = None):
        self._text = read_bytes(source, name, most_bytes)
        self.outline = outline or {str(self._load(key)): value for key, value in self._members()}

    def names(self) -> set[str]:
        """The names at the top."""
        return set(self.outline)

    def has_list(self, key: str) -> bool:
        """Whether there is such a list."""
        return key in self.outline and self._text[self.outline[key].start : self.outline[key].start + 1] == b"["

    def value(self, key: str) -> Any:
        """The value of a key, None when it is not there.

        Raises:
            ValueError: it is broken or too long.
        """
        return self.load(self.outline[key]) if key in self.outline else None

    def items(self, key: str) -> Iterator[JsonItem]:
        """The items of a list, not read yet; none when there is no such list."""
        if not self.has_list(key):
            return
        whole = self.outline[key]
        line, counted = whole.line, whole.start
        for count, (start, end) in enumerate(self._parts(whole.start, whole.end)):
            if count == MOST_ITEMS:
                raise ValueError(f"more than {MOST_ITEMS:,} items in '{key}': split the file")
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
            return _DECODER.decode(self._text[start:end].decode())
        except (ValueError, RecursionError) as error:
            detail = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise ValueError(f"this is no JSON: {detail}") from None

    def _members(self) -> Iterator[tuple[tuple[int, int], JsonItem]]:
        """Keys and values of the top."""
        begin = len(b"\xef\xbb\xbf") if self._text.startswith(b"\xef\xbb\xbf") else 0
        begin, _ = self._strip(begin, len(self._text))
        if self._text[begin : begin + 1] != b"{":
            raise ValueError("wanted a JSON object: { ... }")
        for start, end in self._parts(begin, len(self._text)):
            key = _TOKEN.match(self._text, start, end)
            if key is None or key[0][:1] != b'"':
                raise ValueError(f'line {self._line(start)}: wanted a name in quotes, as in "images": [...]')
            colon = _COLON.match(self._text, key.end(), end)
            if colon is None:
                raise ValueError(f"line {self._line(start)}: wanted : after the name")
            value = self._strip(colon.end(), end)
            yield key.span(), JsonItem(*value, self._line(value[0]))

    def _parts(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """What lies between the commas of the list or object that begins at `begin`."""
        depth, start, seen = 1, begin + 1, begin + 1
        for token in _TOKEN.finditer(self._text, begin + 1, end):
            if depth == 1:
                # Commas are looked for here only: most stand deeper, between the numbers of boxes and outlines.
                while (comma := self._text.find(b",", seen, token.start())) >= 0:
                    yield self._part(start, comma)
                    start = seen = comma + 1
            seen = token.end()
            depth += self._step(token)
            if depth == 0:
                if (last := self._strip(start, token.start()))[0] < last[1]:
                    yield last
                return
            if depth > MOST_DEPTH:
                raise ValueError(f"line {self._line(token.start())}: nested deeper than {MOST_DEPTH} levels")
        raise ValueError(f"the file ends in the middle of the JSON that begins in line {self._line(begin)}")

    def _step(self, token: re.Match[bytes]) -> int:
        """How much deeper a bracket leads; a string leads nowhere."""
        if token[1] == b"":
            raise ValueError(f"line {self._line(token.start())}: the string that begins here does not end")
        return _STEPS.get(token[0], 0)

    def _part(self, start: int, end: int) -> tuple[int, int]:
        part = self._strip(start, end)
        if part[0] == part[1]:
            raise ValueError(f"line {self._line(end)}: nothing stands before the comma")
        return part

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


_DECODER = json.JSONDecoder(parse_constant=_no_number)
