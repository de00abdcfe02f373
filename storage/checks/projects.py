"""Checks of projects: what their images and their models say of each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from storage.checks.check import Finding, Look
from storage.projects import Project
from utils import plural

_BATCH = 1000


def every_label_names_a_class_of_its_project(look: Look) -> Iterator[Finding]:
    """A current or a retired one. Ids of classes never go, so the project is read after its images."""
    labels = look.each(look.store.images.labels())
    while batch := list(itertools.islice(labels, _BATCH)):
        projects = {project_id: look.store.projects.get(project_id) for project_id, _, _ in batch}
        for project_id, name, class_ids in batch:
            project = projects[project_id]
            if project and (unknown := class_ids - project.known_class_ids):
                yield Finding(
                    f"data point '{name}' of project '{project.name}': its labels name "
                    f"{plural(len(unknown), 'class', 'classes')} that the project never had",
                    "upload the data point again with its labels, or restore a backup",
                )


def projects_whose_model_is_lost(look: Look) -> Iterator[Project]:
    """Projects served by a model that is not there, or is another project's. A project goes before its models."""
    served = look.each(look.store.projects.served())
    while batch := list(itertools.islice(served, _BATCH)):
        belongs = look.store.models.existing([project.served_model_id for project in batch])
        lost = [project for project in batch if belongs.get(project.served_model_id) != project.id]
        still = look.store.projects.existing([project.id for project in lost])
        yield from (project for project in lost if project.id in still)
