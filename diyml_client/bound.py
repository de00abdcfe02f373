"""The base of what knows how to talk to the server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from diyml_client.records import Record
from diyml_client.transport import Transport


@dataclass
class Bound(Record):
    """A record that can do something; `_transport` is its way to the server."""

    _transport: Transport = field(repr=False, compare=False)

    def _take(self, other: Any) -> None:
        """Become what the server has just answered."""
        vars(self).update(vars(other))


class Collection:
    """The base of the nouns: `client.projects`, `project.images`, ..."""

    def __init__(self, transport: Transport, project: str = ""):
        """Stand for what belongs to a project.

        Args:
            project: its id or name; empty for what belongs to the account.
        """
        self._transport = transport
        self._project = project
