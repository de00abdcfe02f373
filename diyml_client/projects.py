"""Projects: what everything else belongs to."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from diyml_client.alerts import Alerts, Incidents
from diyml_client.bound import Bound, Collection
from diyml_client.classes import Classes
from diyml_client.errors import NotFound
from diyml_client.experiments import Experiments
from diyml_client.exports import Exports
from diyml_client.images import Images
from diyml_client.imports import Imports
from diyml_client.jobs import Job, Jobs, job_of
from diyml_client.members import Members
from diyml_client.models import Models
from diyml_client.multipart import FileBody
from diyml_client.records import Record, read
from diyml_client.tables import Tables
from diyml_client.transport import Transport, path_of
from diyml_client.versions import Versions


@dataclass
class Publication(Record):
    """What a published project says of itself; `version` is the pinned one, None while the newest answers."""

    published: bool = False
    published_at: datetime | None = None
    version: int | None = None
    description: str = ""
    licence: str = ""
    predict_url: str | None = None


@dataclass
class Readiness(Record):
    """Whether a project can be trained; `reasons` keep it from that, `warnings` do not."""

    ready: bool = False
    reasons: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Project(Bound):
    """A project; `role` is one's own: guest, viewer, editor or owner."""

    id: str = ""
    name: str = ""
    type: str = ""
    description: str = ""
    role: str = ""
    owner: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    is_published: bool = False
    model: dict[str, Any] | None = None
    training: dict[str, Any] | None = None
    counts: dict[str, int] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    revision: int = 0

    @property
    def images(self) -> Images:
        """Its images."""
        return Images(self._transport, self.id)

    @property
    def classes(self) -> Classes:
        """Its classes."""
        return Classes(self._transport, self.id)

    @property
    def members(self) -> Members:
        """Who may work in it."""
        return Members(self._transport, self.id)

    @property
    def alerts(self) -> Alerts:
        """Its alert rules."""
        return Alerts(self._transport, self.id)

    @property
    def incidents(self) -> Incidents:
        """What these have found."""
        return Incidents(self._transport, self.id)

    @property
    def versions(self) -> Versions:
        """Frozen states of its data."""
        return Versions(self._transport, self.id)

    @property
    def imports(self) -> Imports:
        """Archives that were, or are to be, imported."""
        return Imports(self._transport, self.id)

    @property
    def table(self) -> Tables:
        """Its table, where it is of type `tabular`."""
        return Tables(self._transport, self.id)

    @property
    def exports(self) -> Exports:
        """Its data as files."""
        return Exports(self._transport, self.id)

    @property
    def experiments(self) -> Experiments:
        """Its trainings as documents."""
        return Experiments(self._transport, self.id)

    @property
    def jobs(self) -> Jobs:
        """Its trainings."""
        return Jobs(self._transport, self.id)

    @property
    def models(self) -> Models:
        """Its model versions."""
        return Models(self._transport, self.id)

    def refresh(self) -> Project:
        """Read it again."""
        return self._become(self._transport.json("GET", self._path()))

    def update(self, **changes: Any) -> Project:
        """Change `name`, `description` or `group_pattern`.

        Raises:
            ChangedMeanwhile: somebody else has changed the project since it was read.
        """
        headers = {"If-Match": f'"{self.revision}"'}
        return self._become(self._transport.json("PATCH", self._path(), body=changes, headers=headers))

    def delete(self) -> None:
        """Delete it with everything in it, for good."""
        self._transport.json("DELETE", self._path())

    def transfer(self, username: str) -> Project:
        """Make a member its owner; one's own role is editor then."""
        self._transport.json("POST", self._path("transfer"), body={"username": username})
        return self.refresh()

    def train(self, *, device: str | None = None, dataset_version: int | None = None, **params: Any) -> Job:
        """Start a training.

        Args:
            params: of the trainer: epochs, train_split, image_size, seed, ...
            dataset_version: a frozen state of the data to train on; without one, the data as they are.
        """
        wish = {"params": params, "device": device, "dataset_version": dataset_version}
        body = {name: value for name, value in wish.items() if value is not None}
        return job_of(self._transport, self._transport.json("POST", self._path("jobs"), body=body))

    def publish(
        self, description: str = "", licence: str = "", version: int | None = None, example_image: str | None = None
    ) -> Publication:
        """Let everybody predict with it.

        Args:
            licence: an SPDX identifier, or a text.
            version: of the model, to answer whatever is trained later; without one the newest answers.
            example_image: name or id of an image that shows what the model does.
        """
        wish = {"description": description, "licence": licence, "version": version, "example_image": example_image}
        body = {name: value for name, value in wish.items() if value}
        return read(Publication, self._transport.json("PUT", self._path("publication"), body=body))

    def unpublish(self) -> None:
        """Withdraw it."""
        self._transport.json("DELETE", self._path("publication"))

    def publication(self) -> Publication:
        """What it says of itself."""
        return read(Publication, self._transport.json("GET", self._path("publication")))

    def promote(self, version: int) -> dict[str, Any]:
        """Let a version of its model answer from now on."""
        return dict(self._transport.json("POST", self._path("promote"), body={"version": version}))

    def rollback(self) -> dict[str, Any]:
        """Let the version answer that did before."""
        return dict(self._transport.json("POST", self._path("rollback")))

    def readiness(self) -> Readiness:
        """Whether it can be trained, and what to look at."""
        return read(Readiness, self._transport.json("GET", self._path("readiness")))

    def analysis(self) -> dict[str, Any]:
        """What its data are like."""
        return dict(self._transport.json("GET", self._path("analysis")))

    def duplicates(self, distance: int | None = None) -> list[dict[str, Any]]:
        """Groups of images that are equal or nearly so."""
        return list(self._transport.json("GET", self._path("duplicates"), params={"distance": distance})["items"])

    def label_review(self) -> Iterator[dict[str, Any]]:
        """Images whose labels look wrong, the most doubtful first."""
        return self._transport.pages(self._path("label-review"), dict, {})

    def _become(self, data: dict[str, Any]) -> Project:
        self._take(_read(self._transport, data))
        return self

    def _path(self, *parts: str) -> str:
        return path_of("projects", self.id or self.name, *parts)


class Projects(Collection):
    """`client.projects`."""

    def list(self, **filters: Any) -> Iterator[Project]:
        """Those one is a member of.

        Args:
            filters: type, role, published, trained, q (in name and description), sort.
        """
        return self._transport.pages(path_of("projects"), lambda item: _read(self._transport, item), filters)

    def __iter__(self) -> Iterator[Project]:
        """Those one is a member of."""
        return self.list()

    def get(self, project: str) -> Project:
        """One, by its name or id.

        Raises:
            NotFound: there is none; names one that is called nearly so.
        """
        try:
            return _read(self._transport, self._transport.json("GET", path_of("projects", project)))
        except NotFound as error:
            if nearest := self.nearest(project):
                error.advice = f"Did you mean '{nearest}'?"
            raise

    def create(self, name: str, type: str, description: str = "", classes: Sequence[str] = ()) -> Project:
        """Make one of type `classification`, `detection` or `tabular`."""
        body: dict[str, Any] = {"name": name, "type": type}
        if description:
            body["description"] = description
        if classes:
            body["classes"] = [*classes]
        return _read(self._transport, self._transport.json("POST", path_of("projects"), body=body))

    def from_capsule(self, capsule: Path | str, name: str | None = None) -> Project:
        """Make a project of a file that `project.exports.capsule` has written, here or elsewhere.

        Args:
            name: of the new project; without one it is called as it was.
        """
        body = FileBody(Path(capsule))
        headers = {"Content-Type": "application/zip"}
        made = self._transport.json(
            "POST", path_of("capsules"), params={"name": name}, data=lambda: body, headers=headers
        )
        return self.get(made["id"])

    def delete(self, project: str) -> None:
        """Delete one with everything in it, for good."""
        self._transport.json("DELETE", path_of("projects", project))

    def nearest(self, name: str) -> str | None:
        """The project of one's own whose name is most like another; None when none is."""
        names = {project.name.lower(): project.name for project in self.list()}
        close = difflib.get_close_matches(name.lower(), names, 1, 0.6)
        return names[close[0]] if close else None


def _read(transport: Transport, data: dict[str, Any]) -> Project:
    return read(Project, data, _transport=transport)
