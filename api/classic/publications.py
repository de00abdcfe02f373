"""`/publish`: which projects others may use."""

from __future__ import annotations

from typing import Any

from api.classic.representation import listed_project
from api.classic.schemas import Publication, UserQuery
from api.resource import PlatformResource
from training.promotion import settled
from utils import NotFound


class Publications(PlatformResource):
    """Published projects."""

    def get(self) -> list[dict[str, Any]]:
        """List a user's published projects."""
        store = self.services.store
        username = self.parse(UserQuery).username
        owner = store.users.find(username)
        if owner is None:
            raise NotFound(f"there is no user '{username}'")
        return [listed_project(project) for project in store.projects.list_owned(owner, published_only=True)]

    def put(self) -> dict[str, Any]:
        """Publish or withdraw; doing it twice is no error."""
        wish = self.parse(Publication)
        store, project = self.services.store, self.project_named(wish.project_name)
        store.projects.publish(settled(store, project) if wish.is_published else project, wish.is_published)
        return {"Status": f"Operation successful, is_published set to {wish.is_published}"}
