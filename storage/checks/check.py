"""What a check of the store is, what it finds, and how it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from bson import ObjectId

from settings import Settings
from storage.store import Store

T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """Something that is wrong; equal when it is told in the same words.

    Attributes:
        where: what and where it is, and what is wrong with it.
        remedy: what a person does about it.
        mend: puts it right and says what was done, nothing when it was right by then; raises Conflict when it cannot.
            None where nothing can.
    """

    where: str
    remedy: str
    mend: Callable[[], str] | None = field(default=None, compare=False)


class Look:
    """One look at a store, which goes on while the platform runs.

    Attributes:
        before: what is younger than this may belong to a step that is still under way.
        seen: how many things the present check has looked at.
        watch: is called after some of them.
    """

    def __init__(
        self, store: Store, settings: Settings, before: datetime, watch: Callable[[int], None] = lambda _: None
    ):
        self.store = store
        self.settings = settings
        self.before = before
        self.watch = watch
        self.seen = 0

    def each(self, things: Iterable[T]) -> Iterator[T]:
        """The things, counted."""
        for thing in things:
            self.seen += 1
            self.watch(self.seen)
            yield thing

    def project(self, project_id: ObjectId) -> str:
        """A project in words."""
        project = self.store.projects.get(project_id)
        return f"project '{project.name}'" if project else f"deleted project {project_id}"


@dataclass(frozen=True)
class Check:
    """An invariant.

    Attributes:
        rule: a sentence.
        find: what does not hold to it.
        settles: a step under way looks wrong for a moment, so only what two looks find counts.
        reads_content: takes as long as reading every file does.
    """

    rule: str
    find: Callable[[Look], Iterator[Finding]]
    settles: bool = False
    reads_content: bool = False


def check(find: Callable[[Look], Iterator[Finding]], settles: bool = False, reads_content: bool = False) -> Check:
    """A check whose rule is the name of its function."""
    return Check(f"{find.__name__.replace('_', ' ').capitalize()}.", find, settles, reads_content)
