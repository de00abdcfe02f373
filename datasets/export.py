"""A project's images and labels in a format that other tools read, as one archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bson import ObjectId

from datasets.archive import Archive, Entry
from datasets.formats.protocol import DatasetFormat, Label, WrittenDataset, WrittenFile, WrittenImage
from datasets.formats.registry import FORMATS
from datasets.registry import LABEL_FORMATS
from storage.files import Files
from storage.images import StoredImage
from storage.projects import Project
from utils import InvalidInput, NotFound

_MOST_BYTES_AT_A_TIME = 16 * 1024 * 1024
_MOST_IDS_A_QUERY = 1000


def format_for(name: str, project: Project) -> DatasetFormat:
    """The format of this name, if it can hold the labels of a project.

    Raises:
        NotFound: there is no such format.
        InvalidInput: it cannot.
    """
    if name not in FORMATS:
        raise NotFound(f"there is no format '{name[:100]}': choose one of {', '.join(FORMATS)}")
    kind = LABEL_FORMATS[project.type].kind
    if kind not in FORMATS[name].carries:
        fit = ", ".join(other for other, format in FORMATS.items() if kind in format.carries)
        raise InvalidInput(f"{name} cannot hold the labels of a {project.type} project: choose one of {fit}")
    return FORMATS[name]


def export(project: Project, images: Iterable[StoredImage], files: Files, format: DatasetFormat) -> Archive:
    """An archive of images and labels, which holds no image before it is streamed.

    Args:
        images: of the project, or of a version of it. Those whose file is not stored any more are left out.
        files: where their contents are.
    """
    names = dict(zip(project.class_ids, project.classes, strict=True))
    # As they are now: a format may go through them several times.
    written = [_written(image, project, names) for image in _stored(images, files)]
    dataset = WrittenDataset(project.classes, lambda: written)

    def fetch(entries: Iterable[Entry]) -> Iterator[bytes | None]:
        wanted = ((ObjectId(entry.key), entry.size) for entry in entries)
        return (content for _, content in files.read_many(wanted, _MOST_BYTES_AT_A_TIME))

    return Archive([_entry(file) for file in format.write(dataset)], fetch)


def _entry(file: WrittenFile) -> Entry:
    if file.image:
        return Entry(file.path, file.image.size, key=file.image.file_id)
    content = file.content or b""
    return Entry(file.path, len(content), content)


def _stored(images: Iterable[StoredImage], files: Files) -> Iterator[StoredImage]:
    """Those images whose file is there, asked for many at a time."""
    batch: list[StoredImage] = []
    for image in images:
        batch.append(image)
        if len(batch) == _MOST_IDS_A_QUERY:
            yield from _with_file(batch, files)
            batch = []
    yield from _with_file(batch, files)


def _with_file(batch: list[StoredImage], files: Files) -> Iterator[StoredImage]:
    lengths = files.lengths([image.file_id for image in batch])
    return (image for image in batch if lengths.get(image.file_id) == image.size)


def _written(image: StoredImage, project: Project, names: dict[int, str]) -> WrittenImage:
    return WrittenImage(
        name=image.name,
        file_id=str(image.file_id),
        sha256=image.sha256,
        format=image.format,
        width=image.width,
        height=image.height,
        labels=_labels(image, project, names),
        split=image.split,
        tags=image.tags,
        size=image.size,
    )


def _labels(image: StoredImage, project: Project, names: dict[int, str]) -> tuple[Label, ...] | None:
    """Labels of classes that the project has; None when nobody has labelled the image, or only with others."""
    annotations = project.annotations_now(image.annotations)
    if not annotations:
        return () if image.background else None
    return tuple(Label(names[a.class_id], a.box) for a in annotations if a.class_id in names) or None
