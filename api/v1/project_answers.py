"""What answers about projects, their members and their classes hold."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.operation import Shown
from api.v1.job_answers import JobInList
from api.v1.publication_schemas import PublicationShown
from storage.roles import Role


class ModelBrief(Shown):
    """The model that answers for a project."""

    id: str
    version: int


class ProjectInList(Shown):
    """A project without what takes counting."""

    id: str
    name: str
    type: str
    description: str
    role: Annotated[Role, Field(description="Of the caller.")]
    owner: str
    created_at: datetime
    updated_at: Annotated[datetime, Field(description="When name, description, settings, members or classes changed.")]
    is_published: bool
    model: ModelBrief | None
    revision: int


class ClassBrief(Shown):
    """A class of a project, with how many images show it; guests are not told how many."""

    id: int
    name: str
    images: int | None


class ImageCounts(Shown):
    """How many images a project has."""

    images: int
    labelled: int
    unlabelled: int


class ProjectSettings(Shown):
    """What a training does with a project's data."""

    group_pattern: str


class ProjectShown(Shown):
    """A project. What is null for guests: dates, counts, settings, the newest training, and the revision."""

    id: str
    name: str
    type: str
    description: str
    role: Annotated[Role, Field(description="Of the caller.")]
    owner: str
    classes: list[ClassBrief]
    created_at: datetime | None = None
    updated_at: datetime | None = None
    is_published: bool
    publication: Annotated[PublicationShown | None, Field(description="Of a published project.")] = None
    model: ModelBrief | None
    training: Annotated[JobInList | None, Field(description="The newest.")] = None
    counts: ImageCounts | None = None
    settings: ProjectSettings | None = None
    revision: int | None = None


class MemberShown(Shown):
    """Somebody with a role in a project."""

    username: str
    role: Role
    added_at: Annotated[datetime | None, Field(description="Null of the owner.")]


class ClassShown(Shown):
    """A class of the list; annotations refer to its id, whatever its name and place."""

    id: int
    name: str
    index: int
    images: int
    annotations: int


class RetiredClassShown(Shown):
    """A class that left the list, and whose annotations wait for it to come back."""

    id: int
    name: str
    images: int


class ClassListShown(Shown):
    """The classes of a project."""

    classes: list[ClassShown]
    retired: list[RetiredClassShown]
    revision: int


class ChangedClassList(ClassListShown):
    """The classes of a project after a change."""

    annotations_changed: Annotated[int, Field(description="How many became another class's, or went.")]
