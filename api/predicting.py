"""The base of resources that predict: they are called far more often than any other."""

from __future__ import annotations

from api.resource import PlatformResource
from datasets.kinds import DataKind
from storage.projects import Project


class PredictingResource(PlatformResource):
    """Is refused while the engine is full (`api/overload.py`); remembers for a moment who calls."""

    REMEMBERS_CALLERS = True

    def changes(self) -> bool:
        """Never: neither accounts nor projects."""
        return False

    def published(self, name: str, wanted: DataKind | tuple[DataKind, ...] | None = None) -> Project:
        """The published project of this name, as it is or was a moment ago.

        Args:
            wanted: as of `of_kind`.

        Raises:
            NotFound: there is none.
            Conflict: its data are of another kind.
        """
        project = self.recent.get(("project", name), lambda: self.services.store.projects.published(name))
        assert project is not None
        return self.of_kind(project, wanted)
