"""Classes of an archive and those of a project."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from datasets.formats.protocol import Finding, Label
from datasets.imports.names import MOST_CLASSES, class_name, class_problem
from datasets.imports.options import ImportOptions
from datasets.labels import lines_to_labels
from datasets.registry import LABEL_FORMATS
from storage.image import Labels
from storage.projects import Project
from utils import some_of

_ASK = "add it to the project, map it to one of its classes, or let classes be created"


@dataclass(frozen=True)
class Classes:
    """What becomes of each class of an archive.

    Attributes:
        project: with the classes it will have.
        index_of: theirs to a position in the project's list; None where labels are left out on purpose.
        created: names that the project lacks until they are added.
    """

    project: Project
    index_of: dict[str, int | None]
    created: tuple[str, ...] = ()

    def labels(self, labels: Sequence[Label]) -> Labels:
        """What labels say by the rules of the project's type; those of classes that do not count are left out.

        Raises:
            InvalidInput: a label breaks a rule.
        """
        kept = ((self.index_of.get(label.class_name), label.box) for label in labels)
        lines = (" ".join(map(repr, (index, *(box or ())))) for index, box in kept if index is not None)
        return lines_to_labels(LABEL_FORMATS[self.project.type], "\n".join(lines), self.project)

    def are_left_out(self, labels: Sequence[Label]) -> bool:
        """Whether there are labels and none of them counts."""
        return bool(labels) and all(self.index_of.get(label.class_name) is None for label in labels)


def match(
    project: Project, theirs: Sequence[str], options: ImportOptions, report: Callable[[Finding], None]
) -> Classes:
    """Find for each class of an archive its class in the project; those that have none are reported."""
    names, index_of, created = list(project.classes), dict[str, int | None](), []
    for unknown in [name for name in options.class_map if name not in theirs]:
        report(
            Finding("", None, f"class_map names the class '{unknown[:100]}': the archive has {some_of(list(theirs))}")
        )
    for their in theirs:
        ours = options.class_map.get(their, their)
        if ours is None:
            index_of[their] = None
            continue
        wanted = class_name(ours)
        if wanted not in names:
            if problem := _cannot_be_created(wanted, len(names), options):
                report(Finding("", None, f"the class '{their[:100]}' is left out with its labels: {problem}"))
                continue
            names.append(wanted)
            created.append(wanted)
        index_of[their] = names.index(wanted)
    return Classes(_with(project, created), index_of, tuple(created))


def _cannot_be_created(name: str, count: int, options: ImportOptions) -> str | None:
    if not options.create_classes:
        return f"the project has no class '{name[:100]}': {_ASK}"
    if count >= MOST_CLASSES:
        return f"a project has at most {MOST_CLASSES:,} classes"
    return class_problem(name)


def _with(project: Project, created: Sequence[str]) -> Project:
    """The project as it will be; ids of new classes are made up, and nothing is stored by them."""
    unused = max([*project.class_ids, *project.retired, -1]) + 1
    ids = tuple(range(unused, unused + len(created)))
    return dataclasses.replace(project, classes=(*project.classes, *created), class_ids=(*project.class_ids, *ids))
