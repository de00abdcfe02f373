"""Versions of a dataset: freezing what a project holds now, and reading it again."""

from __future__ import annotations

import hashlib
import io
from typing import Any

from bson import ObjectId

from datasets.kinds import Frozen
from datasets.registry import KINDS
from storage.projects import Project
from storage.store import Store
from storage.users import User
from storage.versions import Version
from utils import Conflict, DomainError, NotFound

_LOOKS = 5


def freeze(
    store: Store, project: Project, by: User, name: str = "", description: str = "", request_key: str | None = None
) -> Version:
    """Make a version of what the project holds now; when that has changed in between, all of it is done anew.

    Args:
        request_key: names the request; made again, it gives the version that it made before.

    Raises:
        Conflict: the data kept changing, or there is nothing to freeze.
        NotFound: the project was deleted meanwhile.
    """
    made = store.versions.made_by(project.id, request_key) if request_key else None
    if made:
        return made
    said = {"name": name, "description": description, "created_by": by.username}
    kind = KINDS[project.type]
    for _ in range(_LOOKS):
        version_id = ObjectId()
        try:
            frozen = kind.freeze(store, project, version_id)
            if frozen is not None:
                return _record(store, project, version_id, frozen, said, request_key)
        except DomainError:
            store.release_versions({version_id})
            raise
        store.release_versions({version_id})
    raise Conflict(f"the {kind.name} kept changing while the dataset was frozen: try again when uploads have ended")


def _record(
    store: Store, project: Project, version_id: ObjectId, frozen: Frozen, said: dict[str, str], request_key: str | None
) -> Version:
    file = store.artifacts.put(io.BytesIO(frozen.to_bytes()), "version.json.gz")
    fields: dict[str, Any] = {
        **said,
        "digest": frozen.snapshot().digest(),
        **frozen.counts(),
    }
    if request_key:
        fields["request_key"] = request_key
    return store.versions.create(project.id, version_id, file, fields)


def current(store: Store, project: Project) -> Any:
    """What the project holds now; see `DataKind.current`."""
    return KINDS[project.type].current(store, project)


def thawed(store: Store, project: Project, version: Version) -> Any:
    """What is in a version.

    Raises:
        Conflict: its file, or what that names, is lost or damaged.
    """
    try:
        content = store.artifacts.read(version.file.id)
        if hashlib.sha256(content).hexdigest() != version.file.sha256:
            raise ValueError("its hash is another")
        return KINDS[project.type].thaw(store, project, content)
    except (NotFound, ValueError) as error:
        raise Conflict(f"version {version.version} of the dataset cannot be read ({error})") from None


def compare(store: Store, project: Project, before: Any, after: Any) -> dict[str, Any]:
    """What is different between two of what `current` and `thawed` give; see `DataKind.compare`."""
    return KINDS[project.type].compare(store, before, after)


def snapshot_of_version(store: Store, project: Project, number: int) -> Any:
    """What a training on a version sees.

    Raises:
        NotFound: there is no such version.
        Conflict: as `thawed`.
    """
    frozen = thawed(store, project, store.versions.get(project.id, number))
    return KINDS[project.type].of_version(store, project, frozen)
