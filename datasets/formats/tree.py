"""A source as people zip their folders, without what systems leave in them; searched by the names that labels use."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cached_property

from datasets.formats.names import IMAGE_EXTENSIONS
from datasets.formats.protocol import LabelledImage, Source
from datasets.formats.splits import split_in, split_of_word
from utils import some_of

_JUNK_FOLDERS = ("__macosx", "$recycle.bin")
_JUNK_FILES = (".ds_store", "thumbs.db", "desktop.ini")


class Tree:
    """The names of a source that count, in order."""

    def __init__(self, source: Source):
        self.source = source
        self.names = sorted(name for name in source.names() if not _is_junk(name))
        self._known = set(self.names)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    @cached_property
    def images(self) -> list[str]:
        """Names that end like those of images that are accepted."""
        return [name for name in self.names if extension_of(name) in IMAGE_EXTENSIONS]

    @cached_property
    def folders(self) -> set[str]:
        """All folders that hold an image, at whatever depth."""
        found: set[str] = set()
        for name in self.images:
            folder = posixpath.dirname(name)
            while folder and folder not in found:
                found.add(folder)
                folder = posixpath.dirname(folder)
        return found

    @cached_property
    def root(self) -> str:
        """The folder that all files lie in, with a slash at its end; empty when there is none."""
        folders = {posixpath.dirname(name) for name in (self.names[0], self.names[-1])} if self.names else {""}
        return f"{posixpath.commonpath(folders)}/" if all(folders) and posixpath.commonpath(folders) else ""

    def ending(self, *extensions: str) -> Iterator[str]:
        """Names with one of the extensions, those in the fewest folders first."""
        found = (name for name in self.names if extension_of(name) in extensions)
        return iter(sorted(found, key=lambda name: (name.count("/"), name)))

    def find(self, reference: str, folder: str = "", near: str = "") -> str:
        """The file that labels speak of, however much of its path they give.

        Args:
            folder: that the labels lie in; paths are tried from there and from all folders above.
            near: the split that decides between several files of the same name.

        Raises:
            ValueError: there is none, or more than one, in words.
        """
        wanted = posixpath.normpath(reference.strip().replace("\\", "/")).lstrip("/")
        while wanted.startswith("../"):
            wanted = wanted[3:]
        for above in _upwards(folder):
            if above + wanted in self._known:
                return above + wanted
        found = self._longest_match(wanted)
        if len(found) > 1 and near:
            found = [name for name in found if self.split_of(name) == near] or found
        if not found:
            raise ValueError(f"the file '{reference[:200]}' is not there: add it, or correct its name")
        if len(found) > 1:
            raise ValueError(f"'{reference[:200]}' may be any of {some_of(found)}: give more of its path")
        return found[0]

    def split_of(self, name: str) -> str:
        """The split that the folder nearest to a file stands for; empty when none does.

        The folders around everything count when they are called `train`, not when they are called `my-test-data`.
        """
        folders = list(enumerate(name.split("/")[:-1]))
        for depth, folder in reversed(folders):
            if (split := split_of_word(folder)) is not None:
                return split
            if depth >= self.root.count("/") and (split := split_in(folder)):
                return split
        return ""

    def beside(self, seen: set[str], known: Callable[[str], bool] = lambda name: False) -> Iterator[LabelledImage]:
        """Images that no label file names, from the folders of those that one names: nobody has labelled them.

        Args:
            known: images that are part of the dataset wherever they lie.
        """
        folders = {posixpath.dirname(name) for name in seen}
        for name in self.images:
            if name not in seen and (posixpath.dirname(name) in folders or known(name)):
                yield LabelledImage(name, None, self.split_of(name))

    def _longest_match(self, wanted: str) -> list[str]:
        """Files of this name, with or without extension, in any case; those that share the most folders with it."""
        last = posixpath.basename(wanted).casefold()
        found = self._by_last_part.get(last) or self._by_last_part.get(f"{last}.", [])
        shared = {name: _shared_folders(name, wanted) for name in found}
        most = max(shared.values(), default=0)
        return [name for name in found if shared[name] == most]

    @cached_property
    def _by_last_part(self) -> dict[str, list[str]]:
        """Files by their name without folders; images also without extension, marked by a dot at the end."""
        found: dict[str, list[str]] = defaultdict(list)
        for name in self.names:
            last = posixpath.basename(name).casefold()
            found[last].append(name)
            if extension_of(name) in IMAGE_EXTENSIONS:
                found[f"{last.rpartition('.')[0]}."].append(name)
        return found


def extension_of(name: str) -> str:
    """The extension of a file in lower case, without its dot."""
    return posixpath.splitext(name)[1][1:].lower()


def _is_junk(name: str) -> bool:
    *folders, last = name.lower().split("/")
    hidden = any(folder in _JUNK_FOLDERS or folder.startswith(".") for folder in folders)
    return hidden or last in _JUNK_FILES or last.startswith("._")


def _upwards(folder: str) -> Iterator[str]:
    while folder:
        yield f"{folder}/"
        folder = posixpath.dirname(folder)
    yield ""


def _shared_folders(name: str, wanted: str) -> int:
    pairs = zip(reversed(name.split("/")[:-1]), reversed(wanted.split("/")[:-1]), strict=False)
    shared = 0
    for here, there in pairs:
        if here.casefold() != there.casefold():
            break
        shared += 1
    return shared
