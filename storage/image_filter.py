"""What a list of images may be asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from storage.database import Document
from storage.image import LabelState
from storage.image_facets import class_facet, split_facet, state_facet, tag_facet

_SURROGATES = (0xD800, 0xDFFF)
_LAST_CHARACTER = 0x10FFFF


@dataclass(frozen=True)
class Range:
    """From `least` to `most`, both included; None where there is no bound."""

    least: int | None = None
    most: int | None = None

    def condition(self) -> Document:
        """As a query has it; empty without bounds."""
        bounds = {"$gte": self.least, "$lte": self.most}
        return {name: bound for name, bound in bounds.items() if bound is not None}


@dataclass(frozen=True)
class ImageFilter:
    """Which images; what is empty or None asks for nothing.

    Attributes:
        class_ids: with an annotation of any of these; an empty tuple is of no image.
        never: without an annotation of any of these.
        split: `train`, `val`, `test` or `auto`.
        states: with labels in any of these states.
        name: how the name begins.
        text: what stands in the name, in upper or lower case.
        ranges: of `size` in bytes, `width` and `height` in pixels.
    """

    class_ids: tuple[int, ...] | None = None
    never: tuple[int, ...] = ()
    split: str | None = None
    states: tuple[LabelState, ...] = ()
    name: str = ""
    text: str = ""
    tag: str | None = None
    ranges: dict[str, Range] = field(default_factory=dict)
    sha256: str | None = None

    def facets(self) -> list[list[str]]:
        """One list for each wish, of the facets of which any will do."""
        wishes = [
            [class_facet(class_id) for class_id in self.class_ids or ()],
            [tag_facet(self.tag)] if self.tag is not None else [],
            [split_facet(self.split)] if self.split is not None else [],
            [state_facet(state) for state in self.states],
        ]
        return [wish for wish in wishes if wish]

    def conditions(self) -> list[tuple[str, Document]]:
        """What is asked of other fields, each with the field's name."""
        found: list[tuple[str, Document]] = []
        if self.name:
            bounds = {"$gte": self.name, "$lt": _after(self.name)}
            found.append(("name", {name: bound for name, bound in bounds.items() if bound}))
        if self.text:
            found.append(("name", {"$regex": re.escape(self.text), "$options": "i"}))
        found += [(name, bounds) for name, item in self.ranges.items() if (bounds := item.condition())]
        if self.never:
            found.append(("facets", {"$nin": [class_facet(class_id) for class_id in self.never]}))
        return found


def _after(prefix: str) -> str:
    """The first text behind all that begin so; empty when there is none."""
    while prefix:
        code = ord(prefix[-1]) + 1
        if code == _SURROGATES[0]:
            code = _SURROGATES[1] + 1
        if code <= _LAST_CHARACTER:
            return prefix[:-1] + chr(code)
        prefix = prefix[:-1]
    return ""
