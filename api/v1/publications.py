"""`/api/v1/projects/<project>/publication`: whether everybody may use a project, and what it says of itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from api.operation import operation
from api.v1.licences import is_spdx
from api.v1.located import ProjectResource
from api.v1.publication_schemas import NewPublication, PublicationShown
from storage.projects import Project
from storage.store import Store
from training.promotion import publish


class ProjectPublication(ProjectResource):
    """The publication of a project."""

    @operation(gives=PublicationShown)
    def get(self) -> dict[str, Any]:
        """What it says, and which version answers."""
        return publication_shown(self.services.store, self.project)

    @operation(takes=NewPublication, gives=PublicationShown, errors=(409,))
    def put(self, wish: NewPublication) -> dict[str, Any]:
        """Publish, or change what is said; a version that is named is pinned and answers at once."""
        store, project = self.services.store, self.project
        pin = store.models.of_version(project.id, wish.version) if wish.version else None
        image = store.images.named(project.id, wish.example_image) if wish.example_image else None
        fields = {
            "description": wish.description,
            "licence": wish.licence,
            "example_id": image.id if image else None,
        }
        publish(store, self.services.engine, project, fields, pin, self.user.username)
        return publication_shown(store, store.projects.refresh(project))

    @operation(status=204)
    def delete(self) -> None:
        """Withdraw; what was said is kept for the next time, a pin is not."""
        self.services.store.projects.publish(self.project, False)


def publication_shown(store: Store, project: Project) -> dict[str, Any]:
    """A publication as members see it."""
    said, name = project.publication, quote(project.name, safe="")
    since = said.published_at if project.is_published else None
    example = store.images.of_id(project.id, said.example_id) if said.example_id else None
    return {
        "published": project.is_published,
        "published_at": since.isoformat() if since else None,
        "version": said.version,
        "model": {"id": str(project.model_id), "version": project.model_version} if project.model_id else None,
        "description": said.description,
        "licence": said.licence,
        "licence_is_spdx": is_spdx(said.licence),
        "example_image": {"id": str(example.id), "name": example.name} if example else None,
        "predict_url": f"/api/v1/published/{name}/predict" if project.is_published else None,
        "catalogue_url": f"/api/v1/catalogue/{name}" if project.is_published else None,
    }
