"""Versions of images: which files they keep, and what they hold when they are read again."""

from __future__ import annotations

import dataclasses

from bson import ObjectId

from datasets.capture import read
from datasets.frozen import FrozenDataset
from datasets.snapshot import Snapshot
from storage.files import StoredFile
from storage.images import StoredImage
from storage.projects import Project
from storage.store import Store


def current(store: Store, project: Project) -> FrozenDataset:
    """What the project holds now."""
    project, images = read(store, project)
    return FrozenDataset(project, tuple(images))


def freeze(store: Store, project: Project, version_id: ObjectId) -> FrozenDataset | None:
    """What the project holds now, with its files kept; None when an image has changed meanwhile.

    An image that changes while the dataset is read could be missing from it, or its file be deleted. So the files are
    kept first, then the images are looked at again.
    """
    frozen = current(store, project)
    store.kept_files.keep(project.id, version_id, (_file(image) for image in frozen.images))
    is_same = store.images.states(project.id) == {i.id: (i.revision, i.file_id) for i in frozen.images}
    return frozen if is_same else None


def _file(image: StoredImage) -> StoredFile:
    return StoredFile(image.file_id, image.sha256, image.size)


def snapshot_with_looks(store: Store, project: Project, frozen: FrozenDataset) -> Snapshot:
    """What a training on a version sees, with what is known of the looks of its pictures."""
    looks = {image.sha256: image for image in store.images.list_all(project.id) if image.thumbnail is not None}

    def looked_at(image: StoredImage) -> StoredImage:
        same = looks.get(image.sha256, image)
        return dataclasses.replace(image, perceptual_hash=same.perceptual_hash, thumbnail=same.thumbnail)

    return dataclasses.replace(frozen, images=tuple(map(looked_at, frozen.images))).snapshot()


def stored_contents(store: Store, project_id: ObjectId) -> dict[str, ObjectId]:
    """The file of each content that a project or a version of its dataset holds, by SHA-256."""
    kept = store.kept_files.contents(store.versions.ids_of(project_id))
    return {**kept, **store.images.contents(project_id)}
