"""Who may work in a project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from diyml_client.bound import Collection
from diyml_client.records import Record, read
from diyml_client.transport import path_of


@dataclass
class Member(Record):
    """Somebody with a role: `viewer`, `editor` or `owner`."""

    username: str = ""
    role: str = ""
    since: datetime | None = None


class Members(Collection):
    """`project.members`."""

    def list(self) -> Iterator[Member]:
        """All of them, the owner too."""
        return self._transport.pages(self._path(), lambda item: read(Member, item), {"limit": None})

    def put(self, username: str, role: str = "viewer") -> Member:
        """Let somebody in, or give them another role: `viewer` or `editor`."""
        answer = self._transport.json("PUT", self._path(username), body={"role": role})
        return read(Member, answer or {"username": username, "role": role})

    def remove(self, username: str) -> None:
        """End a membership; anybody may end their own."""
        self._transport.json("DELETE", self._path(username))

    def _path(self, *parts: str) -> str:
        return path_of("projects", self._project, "members", *parts)
