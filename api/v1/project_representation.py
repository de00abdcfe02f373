"""How `/api/v1` shows projects, members and class lists."""

from __future__ import annotations

from api.v1.job_answers import JobInList
from api.v1.project_answers import (
    ClassBrief,
    ClassListShown,
    ClassShown,
    ImageCounts,
    MemberShown,
    ModelBrief,
    ProjectInList,
    ProjectSettings,
    ProjectShown,
    RetiredClassShown,
)
from api.v1.publication_schemas import PublicationShown
from api.v1.publications import publication_shown
from api.v1.representation import job_in_list
from storage.class_annotations import ClassCount
from storage.project import Member, Project
from storage.roles import Role
from storage.store import Store
from storage.users import User

_NONE = ClassCount()


def project_url(project: Project) -> str:
    """The resource of a project."""
    return f"/api/v1/projects/{project.id}"


def projects_in_list(store: Store, projects: list[Project], user: User) -> list[ProjectInList]:
    """Projects as one of their members sees them in a list."""
    owners = store.users.names({project.owner_id for project in projects})
    return [
        ProjectInList(
            id=str(project.id),
            name=project.name,
            type=project.type,
            description=project.description,
            role=project.role_of(user.id) or Role.GUEST,
            owner=owners.get(project.owner_id, ""),
            created_at=project.made_at,
            updated_at=project.updated_at or project.made_at,
            is_published=project.is_published,
            model=_model(project),
            revision=project.revision,
        )
        for project in projects
    ]


def project_shown(store: Store, project: Project, user: User) -> ProjectShown:
    """A project as the caller may see it."""
    role = project.role_of(user.id) or Role.GUEST
    shown = ProjectShown(
        id=str(project.id),
        name=project.name,
        type=project.type,
        description=project.description,
        role=role,
        owner=store.users.names([project.owner_id]).get(project.owner_id, ""),
        classes=[
            ClassBrief(id=id, name=name, images=None)
            for id, name in zip(project.class_ids, project.classes, strict=True)
        ],
        is_published=project.is_published,
        publication=PublicationShown(**publication_shown(store, project)) if project.is_published else None,
        model=_model(project),
    )
    return shown if role is Role.GUEST else shown.model_copy(update=_for_members(store, project))


def _for_members(store: Store, project: Project) -> dict[str, object]:
    job = store.jobs.latest([project.id]).get(project.id)
    images = store.image_queries.class_counts(project.id, project.class_ids)
    return {
        "classes": [
            ClassBrief(id=id, name=name, images=images[id])
            for id, name in zip(project.class_ids, project.classes, strict=True)
        ],
        "created_at": project.made_at,
        "updated_at": project.updated_at or project.made_at,
        "training": JobInList(**job_in_list(job, project.name)) if job else None,
        "counts": ImageCounts.model_validate(store.image_queries.counts(project.id)),
        "settings": ProjectSettings(group_pattern=project.group_pattern),
        "revision": project.revision,
    }


def members_shown(store: Store, project: Project, members: list[Member]) -> list[MemberShown]:
    """The owner, then the members whose accounts are there."""
    owner = Member(project.owner_id, Role.OWNER)
    names = store.users.names([owner.user_id, *(member.user_id for member in members)])
    return [
        MemberShown(username=names[member.user_id], role=member.role, added_at=member.added_at)
        for member in [owner, *members]
        if member.user_id in names
    ]


def class_list_shown(store: Store, project: Project) -> ClassListShown:
    """The class list with how often each class is used."""
    counts = store.class_annotations.count(project)
    listed = enumerate(zip(project.class_ids, project.classes, strict=True))
    return ClassListShown(
        classes=[
            ClassShown(id=id, name=name, index=index, **vars(counts.get(id, _NONE))) for index, (id, name) in listed
        ],
        retired=[
            RetiredClassShown(id=id, name=name, images=counts.get(id, _NONE).images)
            for id, name in project.retired.items()
        ],
        revision=project.classes_revision,
    )


def _model(project: Project) -> ModelBrief | None:
    return ModelBrief(id=str(project.model_id), version=project.model_version) if project.model_id else None
