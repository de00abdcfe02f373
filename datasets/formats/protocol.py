"""What a dataset format is, and what goes in and out of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from datasets.boxes import Box

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Label:
    """One object in an image, or the class of the whole image.

    Attributes:
        box: x_center, y_center, width, height as fractions (0 to 1) of the EXIF-turned image; None for a label of
            the whole image.
    """

    class_name: str
    box: Box | None = None


@dataclass(frozen=True)
class LabelledImage:
    """An image of a source with what the source says about it.

    Attributes:
        path: where its file lies in the source.
        labels: None when nobody has labelled it; empty when it was labelled as showing nothing.
        split: `train`, `val`, `test`, or empty when the source does not say.
        name: the name it had in a project, when the source is an export of ours; else empty.
    """

    path: str
    labels: tuple[Label, ...] | None
    split: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """Something about a source that its owner should know.

    Attributes:
        line: from 1; None when it is about the file as a whole.
        reason: what was got, what was wanted, what to do.
    """

    path: str
    line: int | None
    reason: str


Report = Callable[[Finding], None]


class Source(Protocol):
    """What lies in an archive or a folder: regular files only, under safe names separated by `/`."""

    def names(self) -> Sequence[str]:
        """Names of all files."""
        ...

    def size(self, name: str) -> int:
        """Length in bytes, uncompressed."""
        ...

    def read(self, name: str, most_bytes: int) -> bytes:
        """The whole content.

        Raises:
            InvalidInput: it is longer than `most_bytes`.
        """
        ...

    def open(self, name: str) -> BinaryIO:
        """The content as a stream that can seek."""
        ...


@dataclass(frozen=True)
class ReadDataset:
    """A source as one format reads it.

    Attributes:
        classes: in the order of the source, those that no image shows as well.
        images: read while it is gone through, once; findings are reported on the way.
    """

    classes: tuple[str, ...]
    images: Iterable[LabelledImage]


@dataclass(frozen=True)
class WrittenImage:
    """A stored image that is to be written; `width` and `height` in pixels after the EXIF turn, `size` in bytes."""

    name: str
    file_id: str
    sha256: str
    format: str
    width: int
    height: int
    labels: tuple[Label, ...] | None
    split: str = ""
    tags: tuple[str, ...] = ()
    size: int = 0


@dataclass(frozen=True)
class WrittenDataset:
    """A dataset to be written; `images` may be called more than once and gives the same each time."""

    classes: tuple[str, ...]
    images: Callable[[], Iterable[WrittenImage]]


@dataclass(frozen=True)
class WrittenFile:
    """One file of a written dataset: a text as `content`, or the stored file of an `image`."""

    path: str
    content: bytes | None = None
    image: WrittenImage | None = None


class DatasetFormat(Protocol):
    """One way to lay out images and labels in files.

    Attributes:
        carries: which kinds of labels it can hold: `box`, `image`.
    """

    name: str
    carries: frozenset[str]

    def recognises(self, source: Source) -> bool:
        """Whether the source looks like this format; reads little."""
        ...

    def read(self, source: Source, report: Report) -> ReadDataset:
        """Read a source; what is broken in it is reported and left out.

        Raises:
            InvalidInput: it is not this format at all.
        """
        ...

    def write(self, dataset: WrittenDataset) -> Iterator[WrittenFile]:
        """The files of a dataset, each image once; goes through the images once."""
        ...
