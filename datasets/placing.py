"""The one way by which images come into a project: checked, labelled by the rules of its type, stored, placed."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import PurePosixPath

from bson import ObjectId

from datasets.images import read_info
from datasets.labels import Label, lines_to_labels, values_to_labels
from datasets.registry import LABEL_FORMATS
from storage.image import Labels, NewImage
from storage.projects import Project
from storage.store import Store
from utils import Conflict

_MOST_RENAMES = 10_000
_MOST_NAME_CHARACTERS = 100


class OnConflict(str, Enum):
    """What becomes of an image whose name is another's already."""

    REPLACE = "replace"
    SKIP = "skip"
    RENAME = "rename"
    FAIL = "fail"


class Outcome(str, Enum):
    """What became of it."""

    CREATED = "created"
    REPLACED = "replaced"
    SKIPPED = "skipped"
    RENAMED = "renamed"


@dataclass(frozen=True)
class Offered:
    """An image that somebody wants in a project.

    Attributes:
        labels: label lines, or labels as values; None says nothing, and `[]` that there is none.
        split: None leaves that of the image that is replaced, if any.
        tags: as `split`.
    """

    name: str
    content: bytes
    labels: str | Sequence[Label] | None = None
    split: str | None = None
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Result:
    """What came of it: its name and id as they are now; no id when it was skipped."""

    name: str
    outcome: Outcome
    id: ObjectId | None = None


def labels_of(labels: str | Sequence[Label] | None, project: Project) -> Labels | None:
    """What labels say of an image; None when nothing is said.

    Raises:
        InvalidInput: with an entry in `errors` for each bad label.
    """
    if labels is None:
        return None
    form = LABEL_FORMATS[project.type]
    if isinstance(labels, str):
        return lines_to_labels(form, labels, project)
    return values_to_labels(form, labels, project)


def place(
    store: Store, project: Project, offered: Offered, max_pixels: int, on_conflict: OnConflict = OnConflict.REPLACE
) -> Result:
    """Check an image and its labels, store it, and make it the image of its name.

    Raises:
        InvalidInput: not an image, or a bad label.
        TooLarge: more than `max_pixels` pixels.
        Conflict: the name is taken, and `on_conflict` is to fail.
    """
    header = asdict(read_info(offered.content, max_pixels))
    labels = labels_of(offered.labels, project)
    name = offered.name
    if on_conflict is not OnConflict.REPLACE and store.images.taken(project.id, [name]):
        if on_conflict is OnConflict.SKIP:
            return Result(name, Outcome.SKIPPED)
        if on_conflict is OnConflict.FAIL:
            raise Conflict(f"there is an image '{name}' already")
        name = free_name(store, project, name)
    file = store.image_files.put(io.BytesIO(offered.content), name)
    new = NewImage(name, file, header, labels, offered.split, offered.tags)
    return _place(store, project, new, on_conflict, Outcome.CREATED if name == offered.name else Outcome.RENAMED)


def _place(store: Store, project: Project, new: NewImage, on_conflict: OnConflict, made: Outcome) -> Result:
    try:
        placed = store.images.place_new(project.id, new, replace=on_conflict is OnConflict.REPLACE)
    except Conflict:  # somebody else has placed one of this name since it was looked for
        if on_conflict is OnConflict.SKIP:
            return Result(new.name, Outcome.SKIPPED)
        raise
    return Result(new.name, made if placed.created else Outcome.REPLACED, placed.id)


def free_name(store: Store, project: Project, name: str) -> str:
    """The first of `cat-2.jpg`, `cat-3.jpg`, ... that no image of the project has.

    Raises:
        Conflict: very many of them are taken.
    """
    path = PurePosixPath(name)
    numbers = iter(range(2, _MOST_RENAMES))
    while some := list(itertools.islice(numbers, 100)):
        names = [_numbered(path, number) for number in some]
        taken = store.images.taken(project.id, names)
        if free := [candidate for candidate in names if candidate not in taken]:
            return free[0]
    raise Conflict(f"there are {_MOST_RENAMES:,} images with names like '{name}' already")


def _numbered(path: PurePosixPath, number: int) -> str:
    ending = f"-{number}{path.suffix}"
    return path.stem[: _MOST_NAME_CHARACTERS - len(ending)] + ending


def complete_images(store: Store) -> None:
    """Give images of before what lists find them by; done once for a database."""
    if store.image_changes.are_complete():
        return
    for project_id, type in store.projects.types():
        if type in LABEL_FORMATS:
            store.image_changes.complete(project_id, LABEL_FORMATS[type].empty_is_background)
    store.image_changes.mark_complete()
