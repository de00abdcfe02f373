"""What somebody may be to a project."""

from __future__ import annotations

from enum import Enum


class Role(str, Enum):
    """Each may do what those before it may.

    A guest is anybody with a token, once the project is published. A viewer sees everything in it. An editor changes
    data, trains and publishes. The owner also decides on members, and deletes the project.
    """

    GUEST = "guest"
    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"

    def covers(self, needed: Role) -> bool:
        """Whether who has this role may do what the other one may."""
        return _ORDER.index(self) >= _ORDER.index(needed)


_ORDER = tuple(Role)
