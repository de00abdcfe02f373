"""The class list of a project, changed a class at a time; the list itself is a field of its document.

What touches many images is done in two steps. First one conditional update of the project says what becomes of the
class: from then on every reading takes its annotations for what they are now (`Project.annotations_now`). Then the
images follow, a batch at a time. An interruption between the two loses nothing: whoever asks again, or the sweeper, has
the rest follow.
"""

from __future__ import annotations

from dataclasses import dataclass

from bson import ObjectId

from storage.class_annotations import ClassAnnotations
from storage.class_list import ClassList
from storage.project import Project
from storage.projects import Projects


@dataclass(frozen=True)
class ClassChange:
    """What has come of a change.

    Attributes:
        project: with the list as it is now.
        annotations_changed: how many annotations are of another class now, or gone.
    """

    project: Project
    annotations_changed: int = 0


class Classes:
    """Class lists. A `revision` that is given must be that of the list, else the change is refused."""

    def __init__(self, projects: Projects, annotations: ClassAnnotations):
        self._projects = projects
        self._annotations = annotations

    def add(self, project: Project, name: str, index: int | None = None, revision: int | None = None) -> ClassChange:
        """See `ClassList.added`."""
        return ClassChange(self._projects.change_classes(project, lambda now: now.added(name, index), revision))

    def rename(self, project: Project, class_id: int, name: str, revision: int | None = None) -> ClassChange:
        """See `ClassList.renamed`; no image is touched."""
        return ClassChange(self._projects.change_classes(project, lambda now: now.renamed(class_id, name), revision))

    def sort(self, project: Project, class_ids: tuple[int, ...], revision: int | None = None) -> ClassChange:
        """See `ClassList.sorted`; no image is touched."""
        return ClassChange(self._projects.change_classes(project, lambda now: now.sorted(class_ids), revision))

    def retire(self, project: Project, class_id: int, revision: int | None = None) -> ClassChange:
        """See `ClassList.retired`; no image is touched."""
        return ClassChange(self._projects.change_classes(project, lambda now: now.retired(class_id), revision))

    def merge(self, project: Project, class_id: int, into: int, revision: int | None = None) -> ClassChange:
        """See `ClassList.merged`; then the images follow."""
        project = self._projects.change_classes(project, lambda now: now.merged(class_id, into), revision)
        return ClassChange(project, self._annotations.follow(project))

    def delete(self, project: Project, class_id: int, revision: int | None = None) -> ClassChange:
        """See `ClassList.deleted`; then the images follow."""
        project = self._projects.change_classes(project, lambda now: now.deleted(class_id), revision)
        return ClassChange(project, self._annotations.follow(project))

    def lagging(self, project_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the projects with an image that names a class which was merged or deleted."""
        projects = (self._projects.get(project_id) for project_id in project_ids)
        return {project.id for project in projects if project and self._annotations.lagging(project)}

    def follow(self, project_id: ObjectId) -> None:
        """Have the images of a project follow."""
        if project := self._projects.get(project_id):
            self._annotations.follow(project)


__all__ = ["ClassChange", "ClassList", "Classes"]
