"""What of a kind of data goes into a capsule, and how it comes out of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from bson import ObjectId
from pydantic import BaseModel

from datasets.kinds import Frozen
from storage.projects import Project
from storage.store import Store
from training.capsule.contents import Contents


class Taking(Protocol):
    """Data of one capsule on their way into a new project."""

    def take(self) -> None:
        """Store what the project holds, and what its versions need.

        Raises:
            InvalidInput: something is not what it is said to be.
        """
        ...

    def freeze(self, version: Any) -> Frozen:
        """What is in a version, kept for it."""
        ...

    def image_id(self, name: str) -> ObjectId | None:
        """Of an image that `take` has stored; None when there is none of this name."""
        ...

    def discard(self) -> None:
        """Delete files that no document has come to name; the project is deleted."""
        ...


class Holding(Protocol):
    """One kind of data in capsules.

    Attributes:
        Dataset: schema of `dataset.json`, what the project holds now.
        Version: schema of a version: as `Dataset`, with what is said of it.
    """

    Dataset: type[BaseModel]
    Version: type[BaseModel]

    def current(self, store: Store, project: Project) -> Any:
        """What the project holds now; None when that is nothing at all."""
        ...

    def document(self, frozen: Any) -> dict[str, Any]:
        """The fields of `Dataset`."""
        ...

    def entries(self, store: Store, frozen: Any) -> Iterator[tuple[str, Iterable[bytes], bool]]:
        """The files that the fields name: path, content, and whether to pack it."""
        ...

    def check(self, contents: Contents) -> None:
        """See that data and versions fit to each other and to the entries.

        Raises:
            InvalidInput: they do not.
        """
        ...

    def project_fields(self, contents: Contents) -> dict[str, Any]:
        """What the document of the new project has of the data."""
        ...

    def taking(
        self, store: Store, contents: Contents, project: Project, version_ids: Mapping[int, ObjectId], max_pixels: int
    ) -> Taking:
        """What stores the data in the new project.

        Args:
            version_ids: of the versions, by their numbers.
            max_pixels: of an image.
        """
        ...
