"""The base of resources that predict: they are called far more often than any other."""

from __future__ import annotations

from api.resource import PlatformResource
from storage.projects import Project


class PredictingResource(PlatformResource):
    """Is refused while the engine is full (`api/overload.py`); remembers for a moment who calls."""

    REMEMBERS_CALLERS = True

    def changes(self) -> bool:
        """Never: neither accounts nor projects."""
        return False

    def published(self, name: str) -> Project:
        """The published project of this name, as it is or was a moment ago.

        Raises:
            NotFound: there is none.
        """
        project = self.recent.get(("project", name), lambda: self.services.store.projects.published(name))
        assert project is not None
        return project
