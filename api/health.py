"""`/health` and `/ready`: for whoever watches over the platform."""

from __future__ import annotations

from typing import Any

from api.resource import PlatformResource
from utils import Unavailable


class Health(PlatformResource):
    """The process lives."""

    def get(self) -> dict[str, Any]:
        """Always well; touches nothing."""
        return {"status": "ok"}


class Readiness(PlatformResource):
    """The platform can work."""

    def get(self) -> dict[str, Any]:
        """Well while the database answers."""
        if not self.services.store.answers():
            raise Unavailable("the database does not answer", retry_after_seconds=2)
        return {"status": "ok"}
