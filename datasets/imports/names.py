"""Names that images of an archive get in a project, and which class names are any."""

from __future__ import annotations

import posixpath
import unicodedata
from collections import Counter
from collections.abc import Sequence

from datasets.formats.names import IMAGE_EXTENSIONS
from datasets.formats.protocol import LabelledImage
from datasets.formats.tree import extension_of

MOST_NAME_CHARACTERS = 100
MOST_CLASSES = 1000
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_SEPARATOR = "|"


class ImageNames:
    """Gives each image of an archive a name of its own; the same archive always gets the same.

    A file is called as it is in its folder. Where several folders hold files of one name, folders come into it.
    """

    def __init__(self, paths: Sequence[str]):
        images = [path for path in paths if extension_of(path) in IMAGE_EXTENSIONS]
        counts = Counter(map(_last, images))
        self.total = len(images)
        self._repeated = {name for name, count in counts.items() if count > 1}
        self._plain = counts.keys() - self._repeated
        self._given: set[str] = set()

    def take(self, image: LabelledImage) -> str:
        """The name of the next image."""
        last = _last(image.path)
        wanted = project_name(image.name) if image.name else last
        if not image.name and last in self._repeated:
            wanted = project_name(image.path.replace("/", "-"))
        name, number = wanted, 1
        while name in self._given:
            number += 1
            name = numbered(wanted, number)
        self._given.add(name)
        return name

    def __contains__(self, name: str) -> bool:
        """Whether an image of the archive has this name, or is going to."""
        return name in self._given or name in self._plain


def _last(path: str) -> str:
    return project_name(posixpath.basename(path))


def project_name(text: str) -> str:
    """The name closest to a text that an image may have."""
    composed = unicodedata.normalize("NFC", text)
    name = "".join("_" if unicodedata.category(c) in _INVISIBLE or c in "/\\" else c for c in composed).strip()
    if len(name) > MOST_NAME_CHARACTERS:
        stem, extension = posixpath.splitext(name)
        # The end of a long path tells more than its beginning.
        name = stem[len(extension) - MOST_NAME_CHARACTERS :].lstrip() + extension
        name = name[-MOST_NAME_CHARACTERS:].strip()
    return "_" if name in ("", ".", "..") else name


def numbered(name: str, number: int) -> str:
    """`cat-2.jpg` of `cat.jpg`."""
    stem, extension = posixpath.splitext(name)
    ending = f"-{number}{extension}"
    return stem[: MOST_NAME_CHARACTERS - len(ending)] + ending


def class_problem(name: str) -> str | None:
    """Why a class cannot have a name; None when it can."""
    if not name:
        return "the name is empty"
    if len(name) > MOST_NAME_CHARACTERS:
        return f"the name has {len(name)} characters, allowed are {MOST_NAME_CHARACTERS}"
    if _SEPARATOR in name or any(unicodedata.category(c) in _INVISIBLE for c in name):
        return "the name holds | or characters that cannot be seen"
    return None


def class_name(text: str) -> str:
    """A class name as it is stored."""
    return unicodedata.normalize("NFC", text).strip()
