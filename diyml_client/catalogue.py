"""What everybody has published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from diyml_client.bound import Collection
from diyml_client.records import Record, read
from diyml_client.transport import path_of


@dataclass
class CatalogueEntry(Record):
    """A published project; `calls` of the last 30 days; metrics and example only when it was asked for by itself."""

    project: str = ""
    type: str = ""
    owner: str = ""
    description: str = ""
    licence: str = ""
    classes: list[str] = field(default_factory=list)
    model: dict[str, Any] = field(default_factory=dict)
    published_at: datetime | None = None
    calls: int = 0
    metrics: dict[str, Any] = field(default_factory=dict)
    example: dict[str, Any] | None = None


class Catalogue(Collection):
    """`client.catalogue`."""

    def search(self, q: str | None = None, **filters: Any) -> Iterator[CatalogueEntry]:
        """Published projects that match.

        Args:
            q: words of name, description or classes.
            filters: type, class_, owner, sort (-published_at, -calls, name).
        """
        return self._transport.pages(path_of("catalogue"), lambda item: read(CatalogueEntry, item), {"q": q, **filters})

    def get(self, project: str) -> CatalogueEntry:
        """One, with metrics and an example."""
        return read(CatalogueEntry, self._transport.json("GET", path_of("catalogue", project)))
