"""Projects of images in capsules: their documents, and what these must be like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bson import ObjectId
from pydantic import BaseModel

from datasets.frozen import FrozenDataset
from datasets.grouping import check_pattern
from datasets.versions import current
from storage.projects import Project
from storage.store import Store
from training.capsule.contents import Contents
from training.capsule.documents import Classes, ImageRow, ImagesDocument, ImagesVersion, LabelRow
from training.capsule.images_taking import ImagesTaking
from training.capsule.refusing import check_name, refused, unique


class ImageHolding:
    """See `training.capsule.holding.Holding`."""

    Dataset: type[BaseModel] = ImagesDocument
    Version: type[BaseModel] = ImagesVersion

    def current(self, store: Store, project: Project) -> FrozenDataset:
        """Classes and images."""
        found: FrozenDataset = current(store, project)
        return found

    def document(self, frozen: FrozenDataset) -> dict[str, Any]:
        """Classes, and a row for each image."""
        return {**_classes(frozen), "images": _images(frozen)}

    def entries(self, store: Store, frozen: FrozenDataset) -> Iterator[tuple[str, Iterable[bytes], bool]]:
        """The files of the images, which are packed already."""
        for image in frozen.images:
            yield f"images/{image.sha256}", store.image_files.stream(image.file_id), False

    def check(self, contents: Contents) -> None:
        """Classes, names, labels; and that contents are described the same wherever they are."""
        for part in contents.parts:
            _check_dataset(part, part.images, contents)
        _check_described_once(contents)

    def project_fields(self, contents: Contents) -> dict[str, Any]:
        """Classes."""
        return {
            "classes": [row.model_dump() for row in contents.dataset.classes],
            "retired": [row.model_dump() for row in contents.dataset.retired] + _gone(contents),
            "group_pattern": contents.dataset.group_pattern,
        }

    def taking(
        self, store: Store, contents: Contents, project: Project, version_ids: Mapping[int, ObjectId], max_pixels: int
    ) -> ImagesTaking:
        """Every image is decoded."""
        return ImagesTaking(store, contents, project, version_ids, max_pixels)


def _classes(frozen: FrozenDataset) -> dict[str, Any]:
    project = frozen.project
    classes = zip(project.class_ids, project.classes, strict=True)
    return {
        "classes": [{"id": class_id, "name": name} for class_id, name in classes],
        "group_pattern": project.group_pattern,
        "retired": [{"id": class_id, "name": name} for class_id, name in sorted(project.retired.items())],
    }


def _images(frozen: FrozenDataset) -> list[ImageRow]:
    names = ("name", "sha256", "size", "format", "width", "height", "split", "background")
    return [
        ImageRow(
            **{name: getattr(image, name) for name in names},
            tags=list(image.tags),
            labels=[LabelRow(**vars(annotation)) for annotation in image.annotations],
        )
        for image in frozen.images
    ]


def _gone(contents: Contents) -> list[dict[str, Any]]:
    """Classes that only versions know of, so that their ids never come to mean others."""
    now = {row.id for row in (*contents.dataset.classes, *contents.dataset.retired)}
    known = {row.id for part in contents.versions for row in (*part.classes, *part.retired)}
    return [{"id": class_id, "into": None} for class_id in sorted(known - now)]


def _check_dataset(classes: Classes, images: list[ImageRow], contents: Contents) -> None:
    if classes.group_pattern:
        check_pattern(classes.group_pattern)
    rows = [*classes.classes, *classes.retired]
    ids = unique("class id", (row.id for row in rows))
    unique("class name", (row.name for row in classes.classes))
    for row in rows:
        check_name(row.name, "class", slashes=True)
    unique("image name", (image.name for image in images))
    for image in images:
        check_name(image.name, "image")
        entry = contents.entries.get(f"images/{image.sha256}")
        if entry is None or (entry.sha256, entry.size) != (image.sha256, image.size):
            raise refused(f"the content of image '{image.name}' is not in it")
        for label in image.labels:
            if label.class_id not in ids:
                raise refused(f"a label of image '{image.name}' names a class that there is not")
            _check_box(label.box, image.name)


def _check_described_once(contents: Contents) -> None:
    known: dict[str, tuple[str, int, int]] = {}
    for part in contents.parts:
        for row in part.images:
            described = (row.format, row.width, row.height)
            if known.setdefault(row.sha256, described) != described:
                raise refused(f"image '{row.name}' is not as it is described elsewhere in it")


def _check_box(box: tuple[float, float, float, float] | None, name: str) -> None:
    # Comparisons with what is no number are false.
    if box is not None and not (all(0 <= value <= 1 for value in box) and box[2] > 0 and box[3] > 0):
        raise refused(f"a box of image '{name}' leaves it, or has no size")
