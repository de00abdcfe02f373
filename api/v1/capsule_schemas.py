"""What calls about capsules take and give."""

from __future__ import annotations

from api.names import Name
from api.operation import Request, Shown


class CapsuleQuery(Request):
    """What the project is to be called; without it as in the capsule."""

    name: Name | None = None


class CapsuleTaken(Shown):
    """The project that was made of a capsule."""

    id: str
    name: str
    type: str
    images: int
    rows: int
    versions: int
    models: int
    jobs: int
    url: str
