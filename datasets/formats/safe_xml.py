"""XML files of a source: elements and their text, with the line of each; no entities, no document types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

MOST_XML_BYTES = 4 * 1024 * 1024
_MOST_DEPTH = 16
_MOST_ELEMENTS = 50_000


@dataclass
class Element:
    """An element; attributes are left out."""

    name: str
    line: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def child(self, name: str) -> Element | None:
        """The first child of this name."""
        return next(self.named(name), None)

    def named(self, name: str) -> Iterator[Element]:
        """All children of this name."""
        return (child for child in self.children if child.name == name)

    def text_of(self, *path: str) -> str:
        """The text of the element down this path, empty when there is none."""
        found: Element | None = self
        for name in path:
            found = found.child(name) if found else None
        return found.text.strip() if found else ""


def parse_xml(content: bytes) -> Element:
    """The root of an XML document.

    Raises:
        ValueError: it is no XML, too large, nested too deeply, or has a document type, in words that name the line.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(content, True)
    except expat.ExpatError as error:
        raise ValueError(f"line {error.lineno}: this is no XML: {expat.errors.messages[error.code]}") from None
    except (LookupError, ValueError) as error:  # an encoding that is not known, or what the reader refuses
        raise ValueError(f"line {reader.parser.CurrentLineNumber}: {error}") from None
    return reader.root.children[0]


class _Reader:
    def __init__(self) -> None:
        self.root = Element("", 0)
        self._open = [self.root]
        self._count = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = lambda name: self._open.pop()
        self.parser.CharacterDataHandler = self._characters
        # Entities can only be declared in a document type: without one there is nothing to unfold or to fetch.
        self.parser.StartDoctypeDeclHandler = _refuse_doctype

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) > _MOST_DEPTH:
            raise ValueError(f"nested deeper than {_MOST_DEPTH} levels")
        if self._count > _MOST_ELEMENTS:
            raise ValueError(f"more than {_MOST_ELEMENTS:,} elements")
        element = Element(name, self.parser.CurrentLineNumber)
        self._open[-1].children.append(element)
        self._open.append(element)

    def _characters(self, text: str) -> None:
        self._open[-1].text += text


def _refuse_doctype(*declared: object) -> None:
    raise ValueError("document types (<!DOCTYPE ...>) are not read: remove that line")
