"""Images of a capsule on their way into a project."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from bson import ObjectId

from datasets.frozen import FrozenDataset, with_classes
from datasets.images import read_info
from storage.files import StoredFile
from storage.images import StoredAnnotation, StoredImage
from storage.projects import Project
from storage.store import Store
from training.capsule.contents import Contents
from training.capsule.documents import ImageRow, ImagesVersion
from utils import DomainError, InvalidInput, utc_now

_BATCH = 500


class ImagesTaking:
    """See `training.capsule.holding.Taking`."""

    def __init__(
        self, store: Store, contents: Contents, project: Project, version_ids: Mapping[int, ObjectId], max_pixels: int
    ):
        self._store = store
        self._contents = contents
        self._project = project
        self._version_ids = version_ids
        self._max_pixels = max_pixels
        self._files: dict[str, StoredFile] = {}
        self._taken: set[str] = set()
        self._looks: dict[str, dict[str, Any]] = {}
        self._stored: list[ObjectId] = []
        self._image_ids: dict[str, ObjectId] = {}

    def take(self) -> None:
        """The file of each content, then the images of the project."""
        for sha256, row in {row.sha256: row for part in self._contents.parts for row in part.images}.items():
            self._files[sha256] = self._image_file(row)
        self._images(self._contents.dataset.images)

    def freeze(self, version: ImagesVersion) -> FrozenDataset:
        """The files of its images are kept."""
        said = version.model_dump(include={"classes", "retired", "group_pattern"})
        files = (self._files[row.sha256] for row in version.images)
        self._store.kept_files.keep(self._project.id, self._version_ids[version.version], files)
        return FrozenDataset(with_classes(self._project, said), tuple(map(self._stored_image, version.images)))

    def image_id(self, name: str) -> ObjectId | None:
        """Of an image of the project."""
        return self._image_ids.get(name)

    def discard(self) -> None:
        """Delete the files of images."""
        self._store.image_files.delete(*self._stored)

    def _put_image(self, content: bytes, name: str) -> StoredFile:
        file = self._store.image_files.put(io.BytesIO(content), name)
        self._stored.append(file.id)
        return file

    def _image_file(self, row: ImageRow) -> StoredFile:
        content = self._contents.read(f"images/{row.sha256}")
        try:
            info = read_info(content, self._max_pixels)
        except DomainError as error:
            raise InvalidInput(f"the image '{row.name}' in the capsule is none: {error.detail}") from None
        if (info.format, info.width, info.height) != (row.format, row.width, row.height):
            raise InvalidInput(f"the image '{row.name}' in the capsule is not as it is described")
        self._looks[row.sha256] = {"perceptual_hash": info.perceptual_hash, "thumbnail": info.thumbnail}
        return self._put_image(content, row.name)

    def _images(self, rows: list[ImageRow]) -> None:
        for start in range(0, len(rows), _BATCH):
            batch = [self._image_row(row) for row in rows[start : start + _BATCH]]
            self._store.restoring.add("images", self._project.id, batch)

    def _image_row(self, row: ImageRow) -> dict[str, Any]:
        now, image_id = utc_now(), ObjectId()
        self._image_ids[row.name] = image_id
        file = self._files[row.sha256]
        if row.sha256 in self._taken:  # two images share no file: one may be deleted without the other
            content = self._contents.read(f"images/{row.sha256}")
            file = self._put_image(content, row.name)
        self._taken.add(row.sha256)
        return {
            "_id": image_id,
            "file_id": file.id,
            **row.model_dump(exclude={"labels"}),
            **self._looks[row.sha256],
            "annotations": [label.model_dump() for label in row.labels],
            "revision": 1,
            "created_at": now,
            "updated_at": now,
        }

    def _stored_image(self, row: ImageRow) -> StoredImage:
        file = self._files[row.sha256]
        fields = ("name", "sha256", "size", "format", "width", "height", "split", "background")
        return StoredImage(
            id=self._image_ids.get(row.name) or ObjectId(),
            project_id=self._project.id,
            file_id=file.id,
            annotations=tuple(StoredAnnotation(**label.model_dump()) for label in row.labels),
            tags=tuple(row.tags),
            **{name: getattr(row, name) for name in fields},
        )
