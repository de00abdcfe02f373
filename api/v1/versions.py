"""`/api/v1/projects/<project>/versions`: a dataset as it was at moments that somebody chose."""

from __future__ import annotations

import re
from typing import Any

from api.operation import Page, operation
from api.pagination import page, position
from api.v1.located import ProjectResource
from api.v1.schemas import MOST_VERSION, PageQuery
from api.v1.version_schemas import NewVersion, VersionChange, VersionsCompared, VersionShown
from datasets.versions import compare, current, freeze, thawed
from storage.order import Place
from storage.versions import COUNTED, Version
from utils import Conflict, NotFound

CURRENT = "current"
_NUMBER = re.compile(r"[1-9]\d{0,9}", re.ASCII)


class ProjectVersions(ProjectResource):
    """The base of all that is about versions."""

    def version(self, number: str) -> Version:
        """The version of this number.

        Raises:
            NotFound: the dataset has none.
        """
        if not _NUMBER.fullmatch(number) or int(number) > MOST_VERSION:
            raise NotFound(f"there is no version '{number[:100]}' of this dataset")
        return self.services.store.versions.get(self.project.id, int(number))

    def shown(self, *versions: Version) -> list[dict[str, Any]]:
        """Versions with how many jobs were started on each."""
        jobs = self.services.store.jobs.count_on_versions(self.project.id, [one.version for one in versions])
        return [_shown(version, jobs.get(version.version, 0)) for version in versions]


class VersionList(ProjectVersions):
    """The versions of a dataset."""

    @operation(takes=PageQuery, gives=Page[VersionShown])
    def get(self, query: PageQuery) -> dict[str, Any]:
        """List them, newest first."""
        versions = self.services.store.versions.list_of(self.project.id, query.limit + 1, position(query.cursor))
        shown = page(versions, query.limit, show=lambda one: one, place=lambda one: Place(one.created_at, one.id))
        return {**shown, "items": self.shown(*shown["items"])}

    @operation(takes=NewVersion, gives=VersionShown, status=201, errors=(409,), headers={"Location": "the version"})
    def post(self, new: NewVersion) -> tuple[dict[str, Any], dict[str, str]]:
        """Freeze the data as they are now: images with labels, splits and tags, or a table with its settings."""
        version = freeze(self.services.store, self.project, self.user, new.name, new.description, self.request_key)
        location = f"/api/v1/projects/{self.project.id}/versions/{version.version}"
        return self.shown(version)[0], {"Location": location}


class VersionItem(ProjectVersions):
    """One version."""

    @operation(gives=VersionShown)
    def get(self, number: str) -> dict[str, Any]:
        """What it is called, and how much is in it."""
        return self.shown(self.version(number))[0]

    @operation(takes=VersionChange, gives=VersionShown)
    def patch(self, change: VersionChange, number: str) -> dict[str, Any]:
        """Change name or description; what is in it stays for good."""
        fields = {name: getattr(change, name) or "" for name in change.model_fields_set & {"name", "description"}}
        version = self.version(number)
        return self.shown(self.services.store.versions.change(version, fields) if fields else version)[0]

    @operation(status=204, errors=(409,))
    def delete(self, number: str) -> None:
        """Delete it, with the data that nothing else names; not while a job on it waits or runs."""
        version, store = self.version(number), self.services.store
        if store.jobs.is_active_on(self.project.id, version.version):
            raise Conflict(f"a job on version {version.version} is queued or running: wait for it or cancel it")
        store.delete_version(version)


class VersionComparison(ProjectVersions):
    """What is different between two states of a dataset."""

    @operation(gives=VersionsCompared, errors=(409,))
    def get(self, number: str, other: str) -> dict[str, Any]:
        """Compare a version with another, or with `current`, the project as it is."""
        return compare(self.services.store, self.project, self._frozen(number), self._frozen(other))

    def _frozen(self, number: str) -> Any:
        store = self.services.store
        if number == CURRENT:
            return current(store, self.project)
        return thawed(store, self.project, self.version(number))


def _shown(version: Version, jobs: int) -> dict[str, Any]:
    fields = ("version", "name", "description", "digest", "created_by", *COUNTED)
    return {
        **{name: getattr(version, name) for name in fields},
        "created_at": version.created_at.isoformat(),
        "jobs": jobs,
    }
