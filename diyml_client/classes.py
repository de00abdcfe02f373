"""The classes of a project."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from diyml_client.bound import Collection
from diyml_client.errors import NotFound
from diyml_client.records import Record, read
from diyml_client.transport import path_of


@dataclass
class ProjectClass(Record):
    """One class and how often it occurs; `index` is None of one that is gone but whose annotations wait."""

    id: int = 0
    name: str = ""
    index: int | None = None
    images: int = 0
    annotations: int = 0


@dataclass
class ClassList(Record):
    """The classes in their order, those that are gone but have annotations, and the revision of the list."""

    classes: list[ProjectClass] = field(default_factory=list)
    retired: list[ProjectClass] = field(default_factory=list)
    revision: int = 0
    annotations_changed: int = 0


class Classes(Collection):
    """`project.classes`: iterate over it, or change it; each change gives the new list."""

    def get(self) -> ClassList:
        """The list as it is."""
        return read(ClassList, self._transport.json("GET", self._path()))

    def __iter__(self) -> Iterator[ProjectClass]:
        """The classes in their order."""
        return iter(self.get().classes)

    def add(self, name: str, index: int | None = None) -> ClassList:
        """Add a class at the end, or at `index`."""
        body = {"name": name} if index is None else {"name": name, "index": index}
        return self._change("POST", self._path(), body)

    def rename(self, name: str, new_name: str) -> ClassList:
        """Give a class another name; its annotations stay."""
        return self._change("PATCH", self._path(self.find(name).id), {"name": new_name})

    def order(self, names: Sequence[str]) -> ClassList:
        """Put the classes into another order; all of them are named."""
        there = self.get().classes
        return self._change("PUT", self._path("order"), {"class_ids": [_named(there, name).id for name in names]})

    def merge(self, name: str, into: str) -> ClassList:
        """Move a class's annotations to another class; the first one goes."""
        return self._change("POST", self._path(self.find(name).id, "merge"), {"into": self.find(into).id})

    def remove(self, name: str, annotations: str = "keep") -> ClassList:
        """Remove a class.

        Args:
            annotations: `keep` lets them wait for the class to come back, `delete` removes them.
        """
        path = self._path(self.find(name).id)
        return self._change("DELETE", path, None, {"annotations": annotations})

    def find(self, name: str) -> ProjectClass:
        """The class of a name.

        Raises:
            NotFound: there is none.
        """
        return _named(self.get().classes, name)

    def _change(
        self, method: str, path: str, body: dict[str, Any] | None, params: dict[str, str] | None = None
    ) -> ClassList:
        return read(ClassList, self._transport.json(method, path, body=body, params=params) or {})

    def _path(self, *parts: object) -> str:
        return path_of("projects", self._project, "classes", *parts)


def _named(classes: Sequence[ProjectClass], name: str) -> ProjectClass:
    for item in classes:
        if item.name == name:
            return item
    raise NotFound(f"there is no class '{name}', only {', '.join(item.name for item in classes) or 'none at all'}")
