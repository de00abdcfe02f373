"""What a class list becomes: the list of a project in, the fields of its document out.

Classes are told apart by name, and annotations refer to them by an id that is never given twice. A class that leaves
the list is kept as retired, so that its name gets its id back. One that was merged into another, or deleted with its
annotations, is kept too, with `into`: an annotation that names it may be on its way still.
"""

from __future__ import annotations

from dataclasses import dataclass

from storage.database import Document
from storage.project import Project
from utils import Conflict, InvalidInput, NotFound, plural

MOST_CLASSES = 1000
MOST_RETIRED = 10_000


@dataclass(frozen=True)
class ClassList:
    """The classes of a project, every id once.

    Attributes:
        names: of the list, by id, in order.
        waiting: of those that left it, by id.
        gone: what those that were merged went into, and None for those that were deleted, by id.
    """

    names: dict[int, str]
    waiting: dict[int, str]
    gone: dict[int, int | None]

    @classmethod
    def of(cls, project: Project) -> ClassList:
        """The list of a project."""
        names = dict(zip(project.class_ids, project.classes, strict=True))
        return cls(names, dict(project.retired), {**project.merged, **dict.fromkeys(project.deleted)})

    def fields(self, project: Project) -> Document:
        """As fields of the project's document.

        Raises:
            InvalidInput: more classes than allowed, or more than can be remembered have left the list.
        """
        if len(self.names) > MOST_CLASSES:
            raise InvalidInput(f"a project has at most {plural(MOST_CLASSES, 'class', 'classes')}")
        if len(self.waiting) + len(self.gone) > MOST_RETIRED:
            raise InvalidInput(
                f"more than {MOST_RETIRED:,} classes have left the list of '{project.name}': "
                "name some of them again, or start a new project"
            )
        retired: list[Document] = [{"id": id, "name": name} for id, name in self.waiting.items()]
        retired += [{"id": id, "into": into} for id, into in self.gone.items()]
        return {"classes": [{"id": id, "name": name} for id, name in self.names.items()], "retired": retired}

    def replaced(self, names: tuple[str, ...]) -> ClassList:
        """The list with exactly these names, in this order."""
        known = {name: id for id, name in [*self.waiting.items(), *self.names.items()]}
        unused, listed = self._unused(), {}
        for name in names:
            if name not in known:
                known[name], unused = unused, unused + 1
            listed[known[name]] = name
        waiting = {id: name for id, name in (self.names | self.waiting).items() if id not in listed}
        return ClassList(listed, waiting, self.gone)

    def added(self, name: str, index: int | None) -> ClassList:
        """The list with one more class, at a position or the end; a name that comes back has its annotations.

        Raises:
            Conflict: there is one of this name.
            InvalidInput: there is no such position.
        """
        if name in self.names.values():
            raise Conflict(f"there is a class '{name}' already")
        index = len(self.names) if index is None else index
        if index > len(self.names):
            message = f"index must be 0..{len(self.names)}, got {index}"
            raise InvalidInput(message, [{"field": "index", "message": message}])
        names = list(self.names.values())
        return self.replaced((*names[:index], name, *names[index:]))

    def renamed(self, class_id: int, name: str) -> ClassList:
        """The list with another name for a class.

        Raises:
            NotFound: there is no such class in the list.
            Conflict: the name is another class's, listed or waiting.
        """
        self.listed(class_id)
        if any(id != class_id and other == name for id, other in self.names.items()):
            raise Conflict(f"there is a class '{name}' already: merge them, or choose another name")
        if name in self.waiting.values():
            raise Conflict(
                f"a class '{name}' has left the list and its annotations may wait for it: "
                "add it again and merge the two, or delete it for good (annotations=delete)"
            )
        return ClassList({**self.names, class_id: name}, self.waiting, self.gone)

    def sorted(self, class_ids: tuple[int, ...]) -> ClassList:
        """The list in another order.

        Raises:
            InvalidInput: the ids are not those of the list, each once.
        """
        if sorted(class_ids) != sorted(self.names):
            message = f"class_ids: must be the ids of all {len(self.names)} listed classes, each once"
            raise InvalidInput(message, [{"field": "class_ids", "message": message}])
        return ClassList({id: self.names[id] for id in class_ids}, self.waiting, self.gone)

    def merged(self, class_id: int, into: int) -> ClassList:
        """The list without a class, whose annotations are the other's; the same list when that is so already.

        Raises:
            NotFound: there is no such class, or it went elsewhere.
            InvalidInput: it cannot be merged into that one.
        """
        if into not in self.names or into == class_id:
            message = f"into: must be the id of another class in the list, got {into}"
            raise InvalidInput(message, [{"field": "into", "message": message}])
        return self._without(class_id, into)

    def deleted(self, class_id: int) -> ClassList:
        """The list without a class and without its annotations; the same list when that is so already.

        Raises:
            NotFound: there is no such class, or it was merged into another.
        """
        return self._without(class_id, None)

    def retired(self, class_id: int) -> ClassList:
        """The list without a class, whose annotations wait for it; the same list when that is so already.

        Raises:
            NotFound: there is no such class.
        """
        if class_id in self.waiting:
            return self
        name = self.listed(class_id)
        names = {id: other for id, other in self.names.items() if id != class_id}
        return ClassList(names, {**self.waiting, class_id: name}, self.gone)

    def listed(self, class_id: int) -> str:
        """Name of a class of the list.

        Raises:
            NotFound: there is none of this id.
        """
        if class_id not in self.names:
            raise NotFound(f"there is no class {class_id} in the list")
        return self.names[class_id]

    def _without(self, class_id: int, into: int | None) -> ClassList:
        if self.gone.get(class_id, class_id) == into:
            return self  # it was asked for before: what is left to do is to have the images follow
        if class_id not in self.names and class_id not in self.waiting:
            raise NotFound(f"there is no class {class_id}")
        names = {id: name for id, name in self.names.items() if id != class_id}
        waiting = {id: name for id, name in self.waiting.items() if id != class_id}
        # What went into this class before goes with it: one step always leads to where an annotation belongs.
        gone = {id: into if target == class_id else target for id, target in self.gone.items()}
        return ClassList(names, waiting, {**gone, class_id: into})

    def _unused(self) -> int:
        return max((*self.names, *self.waiting, *self.gone), default=-1) + 1
