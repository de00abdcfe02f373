"""Reads the text of a document, YAML or JSON, and remembers where everything stands.

Of YAML only what is plain data is read: no tags, no anchors, no aliases, no second document. Words are what they look
like in JSON: `no` and `on` are text, and so is a date.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml import events

from utils import InvalidInput, TooLarge

MOST_BYTES = 64 * 1024
MOST_DEPTH = 12
MOST_NODES = 5_000
_MOST_DIGITS = 40
_INTEGER = re.compile(r"[-+]?[0-9]+")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
Path = tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where something stands in a text; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a document.

    Attributes:
        field: what it is about, as `parameters.epochs`; empty for the document as a whole.
        message: a sentence that says what is wanted.
    """

    place: Place
    field: str
    message: str


@dataclass
class Marked:
    """What a text holds.

    Attributes:
        value: dicts, lists, text, numbers, booleans and None.
        values: where each value begins, by the keys and numbers that lead to it.
        keys: where each key stands, by the same.
    """

    value: Any = None
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)

    def place(self, path: Path) -> Place:
        """Where a value stands, or else the nearest thing around it."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Place(1, 1))

    def key_place(self, path: Path) -> Place:
        """Where the key of a value stands; of what has none, as `place`."""
        return self.keys.get(path) or self.place(path)


def read_marked(content: bytes, is_json: bool = False) -> Marked:
    """Read a document.

    Args:
        is_json: it must be JSON; otherwise it may be, since JSON is YAML.

    Raises:
        TooLarge: it has more than 64 KiB.
        InvalidInput: it cannot be read; names line and column.
    """
    if len(content) > MOST_BYTES:
        raise TooLarge(f"the document has {len(content):,} bytes, wanted at most {MOST_BYTES:,}")
    text = _decoded(content)
    if is_json:
        _see_json(text)
    if text.lstrip().startswith("{"):
        # YAML wants no tabs where JSON allows them; inside of text JSON allows none.
        text = text.replace("\t", " ")
    try:
        return _Reader(text).read()
    except yaml.MarkedYAMLError as error:
        mark, said = error.problem_mark or error.context_mark, error.problem or "it cannot be read"
        raise refusal(
            [Problem(_place(mark), "", f"this is no valid {'JSON' if is_json else 'YAML'}: {said}")]
        ) from None
    except yaml.YAMLError as error:  # of a character that YAML does not allow
        position = getattr(error, "position", 0)
        raise refusal([Problem(_counted(text, position), "", "a character that no document may hold")]) from None


def refusal(problems: list[Problem]) -> InvalidInput:
    """All problems as one error: each is an entry with `field`, `message`, `line` and `column`."""
    ordered = sorted(problems, key=lambda problem: (problem.place.line, problem.place.column))
    errors = [
        {
            "field": problem.field or "document",
            "message": f"line {problem.place.line}, column {problem.place.column}: {problem.message}",
            "line": str(problem.place.line),
            "column": str(problem.place.column),
        }
        for problem in ordered
    ]
    return InvalidInput("; ".join(error["message"] for error in errors), errors)


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(errors="replace")
        raise refusal([Problem(_counted(before, len(before)), "", "the document must be UTF-8")]) from None
    return text.replace("\r\n", "\n")


def _see_json(text: str) -> None:
    try:
        json.loads(text)  # which says what is no JSON; where its values stand it does not say
    except json.JSONDecodeError as error:
        message = f"this is no valid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        raise refusal([Problem(Place(error.lineno, error.colno), "", message)]) from None
    except (ValueError, RecursionError):
        raise refusal([Problem(Place(1, 1), "", "this is no valid JSON: too deep, or a number is too long")]) from None


def _counted(text: str, position: int) -> Place:
    before = text[:position]
    return Place(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


class _Reader:
    """Makes values of the parser's events, so that nothing is built of what is refused."""

    def __init__(self, text: str):
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._marked = Marked()
        self._nodes = 0

    def read(self) -> Marked:
        """The one document of the text."""
        event = self._next()
        while isinstance(event, (events.StreamStartEvent, events.DocumentStartEvent)):
            event = self._next()
        if isinstance(event, events.StreamEndEvent):
            raise refusal([Problem(Place(1, 1), "", "the document is empty")])
        self._marked.value = self._value(event, ())
        for event in self._events:
            if isinstance(event, events.DocumentStartEvent):
                raise self._bad(event, "a second document begins here: send one at a time")
        return self._marked

    def _next(self) -> Any:
        return next(self._events)

    def _value(self, event: Any, path: Path) -> Any:
        self._see(event, path)
        self._marked.values[path] = _place(event.start_mark)
        if isinstance(event, events.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, events.SequenceStartEvent):
            return self._list(path)
        return self._object(path)

    def _list(self, path: Path) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := self._next(), events.SequenceEndEvent):
            found.append(self._value(event, (*path, str(len(found)))))
        return found

    def _object(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := self._next(), events.MappingEndEvent):
            self._see(event, path)
            if not isinstance(event, events.ScalarEvent):
                raise self._bad(event, "a key must be a word")
            key = self._text(event)
            if key in found:
                first = self._marked.keys[(*path, key)]
                raise self._bad(event, f"the key '{key[:50]}' stands here twice; the first is in line {first.line}")
            self._marked.keys[(*path, key)] = _place(event.start_mark)
            found[key] = self._value(self._next(), (*path, key))
        return found

    def _see(self, event: Any, path: Path) -> None:
        """Refuse what is no plain data, and what is too much of it."""
        if isinstance(event, events.AliasEvent):
            raise self._bad(event, f"an alias (*{str(event.anchor)[:50]}) is not allowed: write it out")
        if event.anchor:
            raise self._bad(
                event, f"an anchor (&{str(event.anchor)[:50]}) is not allowed: write it out where it is needed"
            )
        if event.tag not in (None, "!"):
            raise self._bad(event, f"a tag ({str(event.tag)[:50]}) is not allowed")
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise self._bad(event, f"more than {MOST_NODES:,} values")
        if len(path) > MOST_DEPTH:
            raise self._bad(event, f"more than {MOST_DEPTH} levels deep")

    def _scalar(self, event: Any) -> Any:
        text = self._text(event)
        if event.style is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if not _NUMBER.fullmatch(text):
            return text
        if len(text) > _MOST_DIGITS:
            raise self._bad(event, f"a number has more than {_MOST_DIGITS} digits")
        number = int(text) if _INTEGER.fullmatch(text) else float(text)
        if not math.isfinite(number):
            raise self._bad(event, "a number is larger than any that can be computed with")
        return number

    def _text(self, event: Any) -> str:
        """The text of a scalar. JSON writes one character of higher planes as a pair of halves."""
        try:
            return str(event.value.encode("utf-16", "surrogatepass").decode("utf-16"))
        except UnicodeDecodeError:
            raise self._bad(event, "half a character (\\uD800 to \\uDFFF without its other half)") from None

    def _bad(self, event: Any, message: str) -> InvalidInput:
        return refusal([Problem(_place(event.start_mark), "", message)])
