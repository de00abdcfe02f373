"""Versions of a dataset: freezing what a project holds now, and reading it again."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from typing import Any

from bson import ObjectId

from datasets.capture import read
from datasets.frozen import FrozenDataset
from datasets.snapshot import Snapshot
from storage.files import StoredFile
from storage.images import StoredImage
from storage.projects import Project
from storage.store import Store
from storage.users import User
from storage.versions import Version
from utils import Conflict, NotFound

_LOOKS = 5


def freeze(
    store: Store, project: Project, by: User, name: str = "", description: str = "", request_key: str | None = None
) -> Version:
    """Make a version of what the project holds now.

    An image that changes while the dataset is read could be missing from it, or its file be deleted. So the files are
    kept first, then the images are looked at again; when any has changed in between, all of it is done anew.

    Args:
        request_key: names the request; made again, it gives the version that it made before.

    Raises:
        Conflict: the images kept changing.
        NotFound: the project was deleted meanwhile.
    """
    made = store.versions.made_by(project.id, request_key) if request_key else None
    if made:
        return made
    said = {"name": name, "description": description, "created_by": by.username}
    for _ in range(_LOOKS):
        version_id = ObjectId()
        frozen = FrozenDataset(*_read(store, project))
        store.kept_files.keep(project.id, version_id, (_file(image) for image in frozen.images))
        try:
            if store.images.states(project.id) == {i.id: (i.revision, i.file_id) for i in frozen.images}:
                return _record(store, version_id, frozen, said, request_key)
        except NotFound:
            store.release_versions({version_id})
            raise
        store.release_versions({version_id})
    raise Conflict("images kept changing while the dataset was frozen: try again when uploads have ended")


def _read(store: Store, project: Project) -> tuple[Project, tuple[StoredImage, ...]]:
    current, images = read(store, project)
    return current, tuple(images)


def _file(image: StoredImage) -> StoredFile:
    return StoredFile(image.file_id, image.sha256, image.size)


def _record(
    store: Store, version_id: ObjectId, frozen: FrozenDataset, said: dict[str, str], request_key: str | None
) -> Version:
    file = store.artifacts.put(io.BytesIO(frozen.to_bytes()), "version.json.gz")
    fields: dict[str, Any] = {
        **said,
        "digest": frozen.snapshot().digest(),
        **frozen.counts(),
    }
    if request_key:
        fields["request_key"] = request_key
    return store.versions.create(frozen.project.id, version_id, file, fields)


def current(store: Store, project: Project) -> FrozenDataset:
    """What the project holds now."""
    return FrozenDataset(*_read(store, project))


def thawed(store: Store, project: Project, version: Version) -> FrozenDataset:
    """What is in a version.

    Raises:
        Conflict: its file is lost or damaged.
    """
    try:
        content = store.artifacts.read(version.file.id)
        if hashlib.sha256(content).hexdigest() != version.file.sha256:
            raise ValueError("its hash is another")
        return FrozenDataset.from_bytes(content, project)
    except (NotFound, ValueError) as error:
        raise Conflict(f"version {version.version} of the dataset cannot be read ({error})") from None


def snapshot_of_version(store: Store, project: Project, number: int) -> Snapshot:
    """What a training on a version sees, with what is known of the looks of its pictures.

    Raises:
        NotFound: there is no such version.
        Conflict: its file is lost or damaged.
    """
    frozen = thawed(store, project, store.versions.get(project.id, number))
    looks = {image.sha256: image for image in store.images.list_all(project.id) if image.thumbnail is not None}

    def looked_at(image: StoredImage) -> StoredImage:
        same = looks.get(image.sha256, image)
        return dataclasses.replace(image, perceptual_hash=same.perceptual_hash, thumbnail=same.thumbnail)

    return dataclasses.replace(frozen, images=tuple(map(looked_at, frozen.images))).snapshot()


def stored_contents(store: Store, project_id: ObjectId) -> dict[str, ObjectId]:
    """The file of each content that a project or a version of its dataset holds, by SHA-256."""
    kept = store.kept_files.contents(store.versions.ids_of(project_id))
    return {**kept, **store.images.contents(project_id)}
