"""What every label format shares: lines, class references, and errors that name the line."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from storage.images import StoredAnnotation
from storage.projects import Project
from utils import InvalidInput, plural, some_of

MOST_LINES = 10_000
_MOST_ERRORS = 20
_MOST_LINE_CHARACTERS = 500
_INTEGER = re.compile(r"[+-]?\d{1,9}", re.ASCII)


class LabelFormat(Protocol):
    """How the labels of one project type are written.

    Attributes:
        kind: what a label is about: a `box` in an image, or the `image` as a whole.
        empty_is_background: no label says that an image shows no object; otherwise it says nothing.
    """

    kind: str
    empty_is_background: bool

    def parse(self, text: str, project: Project) -> tuple[StoredAnnotation, ...]:
        """Read `label_data`: one line an object, joined by `|` or newlines.

        Raises:
            InvalidInput: with an entry in `errors` for each bad line.
        """
        ...

    def write(self, annotations: tuple[StoredAnnotation, ...], project: Project) -> list[str]:
        """The lines as the client wrote them; a class index follows the class if the list was reordered."""
        ...


def split_lines(text: str) -> list[tuple[int, str]]:
    """Lines with their number from 1; blank ones are counted and left out."""
    lines = re.split(r"[|\n]", text.replace("\r", ""))
    return [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]


def parse_lines(text: str, parse_line: Callable[[str], StoredAnnotation]) -> tuple[StoredAnnotation, ...]:
    """Read every line with `parse_line`, which raises ValueError with a sentence for a bad one.

    Raises:
        InvalidInput: bad lines, all named; or too many lines.
    """
    lines = split_lines(text)
    if len(lines) > MOST_LINES:
        raise InvalidInput(f"label_data has {plural(len(lines), 'line')}, allowed are {MOST_LINES:,}")
    annotations, errors = [], []
    for number, line in lines:
        try:
            if len(line) > _MOST_LINE_CHARACTERS:
                raise ValueError(f"{len(line):,} characters, allowed are {_MOST_LINE_CHARACTERS}")
            annotations.append(parse_line(line))
        except ValueError as error:
            errors.append({"field": "label_data", "line": str(number), "message": f"line {number}: {error}"})
    if errors:
        shown = "; ".join(error["message"] for error in errors[:3])
        raise InvalidInput(f"label_data: {shown}" + (" ..." if len(errors) > 3 else ""), errors[:_MOST_ERRORS])
    return tuple(annotations)


def find_class(reference: str, project: Project) -> tuple[int, bool]:
    """The id of a class given by index or name, and whether it was given by name.

    A reference made of digits is always an index, so that a class list of digits cannot be read two ways.

    Raises:
        ValueError: no such class, in words.
    """
    if not project.classes:
        raise ValueError("the project has no classes yet: add them first")
    if _INTEGER.fullmatch(reference):
        index = int(reference)
        if not 0 <= index < len(project.classes):
            raise ValueError(f"class index must be 0..{len(project.classes) - 1}, got {index}")
        return project.class_ids[index], False
    if reference in project.classes:
        return project.class_ids[project.classes.index(reference)], True
    raise ValueError(
        f"class must be an index 0..{len(project.classes) - 1} or one of {some_of(list(project.classes))}, "
        f"got '{reference[:100]}'"
    )


def class_reference(annotation: StoredAnnotation, project: Project) -> str:
    """How a client reads the class back: its index today, or its name if it was written so or has left the list."""
    if annotation.by_name or annotation.class_id not in project.class_ids:
        return project.class_name(annotation.class_id)
    return str(project.class_ids.index(annotation.class_id))
