"""What every label format shares: lines, class references, and errors that name the line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from storage.image import Labels, StoredAnnotation
from storage.projects import Project
from utils import InvalidInput, plural, some_of

MOST_LINES = 10_000
_MOST_ERRORS = 20
_MOST_LINE_CHARACTERS = 500
_INTEGER = re.compile(r"[+-]?\d{1,9}", re.ASCII)
_NUMBERS = re.compile(r"[-+.\d][-+.,\seE\d]*", re.ASCII)
T = TypeVar("T")


@dataclass(frozen=True)
class Label:
    """One label as programs send it.

    Attributes:
        class_: name of a class, or its id as a number.
        box: x_center, y_center, width, height, fractions of the EXIF-turned image; None for the whole image.
    """

    class_: str | int
    box: Sequence[float] | None = None


class LabelFormat(Protocol):
    """How the labels of one project type are written.

    Attributes:
        kind: what a label is about: a `box` in an image, or the `image` as a whole.
        empty_is_background: no label says that an image shows no object; otherwise it says nothing.
    """

    kind: str
    empty_is_background: bool

    def take(self, labels: Sequence[Label], project: Project) -> tuple[StoredAnnotation, ...]:
        """Read labels that come as values rather than as text; the rules are those of `parse`.

        Raises:
            InvalidInput: with an entry in `errors` for each bad label.
        """
        ...

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

    def parse_short(line: str) -> StoredAnnotation:
        if len(line) > _MOST_LINE_CHARACTERS:
            raise ValueError(f"{len(line):,} characters, allowed are {_MOST_LINE_CHARACTERS}")
        return parse_line(line)

    return _read_each("label_data", "line", lines, parse_short)


def take_labels(labels: Sequence[Label], take_one: Callable[[Label], StoredAnnotation]) -> tuple[StoredAnnotation, ...]:
    """Read every label with `take_one`, which raises ValueError with a sentence for a bad one; see `parse_lines`."""
    if len(labels) > MOST_LINES:
        raise InvalidInput(f"annotations: {len(labels):,} of them, allowed are {MOST_LINES:,}")
    return _read_each("annotations", "annotation", list(enumerate(labels, 1)), take_one)


def _read_each(
    field: str, noun: str, items: Iterable[tuple[int, T]], read_one: Callable[[T], StoredAnnotation]
) -> tuple[StoredAnnotation, ...]:
    annotations, errors = [], []
    for number, item in items:
        try:
            annotations.append(read_one(item))
        except ValueError as error:
            errors.append({"field": field, noun: str(number), "message": f"{noun} {number}: {error}"})
    if errors:
        shown = "; ".join(error["message"] for error in errors[:3])
        raise InvalidInput(f"{field}: {shown}" + (" ..." if len(errors) > 3 else ""), errors[:_MOST_ERRORS])
    return tuple(annotations)


def lines_to_labels(form: LabelFormat, text: str, project: Project) -> Labels:
    """What a text of label lines says of an image; raises as `LabelFormat.parse`."""
    return _said(form, form.parse(text, project))


def values_to_labels(form: LabelFormat, labels: Sequence[Label], project: Project) -> Labels:
    """What labels as programs send them say of an image; raises as `LabelFormat.take`."""
    return _said(form, form.take(labels, project))


def _said(form: LabelFormat, annotations: tuple[StoredAnnotation, ...]) -> Labels:
    return Labels(annotations, background=form.empty_is_background and not annotations)


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


def named_class(reference: str | int, project: Project) -> tuple[int, bool]:
    """The id of a class given by its name or by its id, and whether label lines may name it.

    A name that looks like numbers reads as something else in a line, so its class is written there by its index.

    Raises:
        ValueError: no such class, in words.
    """
    if not project.classes:
        raise ValueError("the project has no classes yet: add them first")
    if isinstance(reference, str):
        if reference in project.classes:
            return project.class_ids[project.classes.index(reference)], not _NUMBERS.fullmatch(reference)
        raise ValueError(f"class must be one of {some_of(list(project.classes))}, got '{reference[:100]}'")
    reference = project.merged.get(reference, reference)
    if reference in project.class_ids:
        return reference, False
    if reference in project.retired:
        name = project.retired[reference]
        raise ValueError(f"the class '{name}' has left the class list: add it again, or leave this annotation out")
    raise ValueError(f"there is no class with the id {reference}")


def class_reference(annotation: StoredAnnotation, project: Project) -> str:
    """How a client reads the class back: its index today, or its name if it was written so or has left the list."""
    if annotation.by_name or annotation.class_id not in project.class_ids:
        return project.class_name(annotation.class_id)
    return str(project.class_ids.index(annotation.class_id))


def class_id_of(reference: str | int, project: Project) -> int:
    """The id of a class, listed or retired, given by its name or its id; a name goes before an id in digits.

    Raises:
        ValueError: no such class, in words.
    """
    listed = dict(zip(project.class_ids, project.classes, strict=True))
    for class_id, name in [*listed.items(), *project.retired.items()]:
        if name == reference:
            return class_id
    text = str(reference)
    if text.isascii() and text.isdigit() and len(text) < 10 and (int(text) in listed or int(text) in project.retired):
        return int(text)
    names = some_of(list(project.classes)) if project.classes else "no class yet"
    raise ValueError(f"the project has {names}, and no '{text[:100]}'")
