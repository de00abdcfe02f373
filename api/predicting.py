"""The base of resources that predict: they are called far more often than any other."""

from __future__ import annotations

import hashlib

from api.access import Caller
from api.resource import PlatformResource
from storage.projects import Project


class PredictingResource(PlatformResource):
    """Is refused while the engine is full (`api/overload.py`); remembers for a moment who calls."""

    def changes(self) -> bool:
        """Never: neither accounts nor projects."""
        return False

    def caller_of(self, token: str) -> Caller | None:
        """Whose token it is, or was a moment ago."""
        key = ("caller", hashlib.sha256(token.encode(errors="replace")).digest())
        return self.recent.get(key, lambda: super(PredictingResource, self).caller_of(token))

    def note_use(self, caller: Caller) -> None:
        """Not here, where calls come by the hundred in a second."""

    def published(self, name: str) -> Project:
        """The published project of this name, as it is or was a moment ago.

        Raises:
            NotFound: there is none.
        """
        project = self.recent.get(("project", name), lambda: self.services.store.projects.published(name))
        assert project is not None
        return project
