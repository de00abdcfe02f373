"""Decides what becomes of the images of a batch, and makes it so."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import cast

from datasets.formats.protocol import Finding
from datasets.imports.candidates import Candidate, Checked, check, finding, hashed
from datasets.imports.classes import Classes
from datasets.imports.interrupts import Interrupts
from datasets.imports.names import ImageNames, numbered
from datasets.imports.options import ImportOptions, OnConflict, OnSameContent
from storage.image_batches import Known, Placement
from storage.store import Store

_MOST_ROUNDS = 5
_MOST_NUMBERS = 10_000
_CREATED, _REPLACED, _SKIPPED, _FAILED = "created", "replaced", "skipped", "failed"


@dataclass
class Outcome:
    """What became of a batch."""

    counts: Counter[str] = field(default_factory=Counter)
    found: list[Finding] = field(default_factory=list)

    def failed(self, candidate: Candidate, reason: str) -> None:
        """An image could not be imported."""
        self.counts[_FAILED] += 1
        self.found.append(finding(candidate, reason))


@dataclass(frozen=True)
class _Decision:
    """What is to become of an image: placed under a name, instead of another or as a new one; or an end."""

    end: str | None = None
    name: str = ""
    replaces: Known | None = None


@dataclass
class _Known:
    """What the project has of what a batch asks about."""

    names: dict[str, Known]
    contents: set[str]
    placed: set[object]


class Placer:
    """Places batches of one import.

    Args:
        writes: whether anything is written; a look through an archive counts what would be.
    """

    def __init__(
        self,
        store: Store,
        classes: Classes,
        options: ImportOptions,
        names: ImageNames,
        run: str,
        writes: bool,
        max_pixels: int,
        pool: ThreadPoolExecutor,
        interrupts: Interrupts,
    ):
        self._store = store
        self._classes = classes
        self._options = options
        self._names = names
        self._run = run
        self._writes = writes
        self._max_pixels = max_pixels
        self._pool = pool
        self._interrupts = interrupts

    def place(self, batch: Sequence[Candidate]) -> Outcome:
        """See the images through to an end, each."""
        outcome = Outcome()
        for candidate in batch:
            if candidate.problem:
                outcome.failed(candidate, candidate.problem)
        whole = [candidate for candidate in batch if not candidate.problem]
        hashes = self._pool.map(hashed, whole)
        left = [dataclasses.replace(c, sha256=sha256) for c, sha256 in zip(whole, hashes, strict=True)]
        checks: dict[str, Checked] = {}
        for _ in range(_MOST_ROUNDS):
            left = self._round(left, checks, outcome)
            if not left:
                break
        for candidate in left:
            outcome.failed(candidate, "others kept changing images of this name: import it again")
        outcome.counts["images"] += len(batch)
        return outcome

    def _round(self, candidates: list[Candidate], checks: dict[str, Checked], outcome: Outcome) -> list[Candidate]:
        """Decide and do; gives those for which somebody else came first."""
        known = self._known(candidates)
        decided = []
        for candidate in candidates:
            decision = self._decide(candidate, known)
            if decision.end:
                outcome.counts[decision.end] += 1
            else:
                decided.append((candidate, decision))
        self._check([candidate for candidate, _ in decided], checks, outcome)
        good = [(c, decision) for c, decision in decided if not checks[c.step].problem]
        if not good:
            return []
        placements = [self._placement(c, decision, checks[c.step]) for c, decision in good]
        counts = self._write(placements)
        for item, counted in zip(placements, counts, strict=True):
            if counted:
                outcome.counts[_REPLACED if item.replaces else _CREATED] += 1
                outcome.counts["annotations"] += len(item.labels.annotations) if item.labels else 0
        return [candidate for (candidate, _), counted in zip(good, counts, strict=True) if not counted]

    def _known(self, candidates: Sequence[Candidate]) -> _Known:
        project_id, batches = self._classes.project.id, self._store.image_batches
        persist = self._interrupts.persist
        sha256s = [candidate.sha256 for candidate in candidates]
        return _Known(
            persist(lambda: batches.named(project_id, [candidate.name for candidate in candidates])),
            persist(lambda: batches.contents(project_id, sha256s, self._run)) if self._skips_same else set(),
            persist(lambda: set(batches.existing(candidate.id for candidate in candidates))),
        )

    @property
    def _skips_same(self) -> bool:
        return self._options.on_same_content is OnSameContent.SKIP

    def _decide(self, candidate: Candidate, known: _Known) -> _Decision:
        there = known.names.get(candidate.name)
        if candidate.id in known.placed:
            return _Decision(end=_CREATED)  # by an attempt that ended before it could say so
        if there and there.placed_by == candidate.step:
            return _Decision(end=_REPLACED)
        if there and self._options.on_conflict is OnConflict.REPLACE:
            return _Decision(name=candidate.name, replaces=there)
        if candidate.sha256 in known.contents or (there and self._options.on_conflict is OnConflict.SKIP):
            return _Decision(end=_SKIPPED)
        if there is None:
            return _Decision(name=candidate.name)
        return _Decision(name=self._free_name(candidate.name))

    def _free_name(self, name: str) -> str:
        """The first of `cat-2.jpg`, `cat-3.jpg`, ... that neither the project nor the archive has."""
        numbers = iter(range(2, _MOST_NUMBERS))
        while some := list(itertools.islice(numbers, 50)):
            names = [numbered(name, number) for number in some]
            free = [wanted for wanted in names if wanted not in self._names and wanted not in self._taken(names)]
            if free:
                return free[0]
        return numbered(name, _MOST_NUMBERS)

    def _taken(self, names: Sequence[str]) -> dict[str, Known]:
        project_id = self._classes.project.id
        return self._interrupts.persist(lambda: self._store.image_batches.named(project_id, names))

    def _check(self, candidates: Sequence[Candidate], checks: dict[str, Checked], outcome: Outcome) -> None:
        """Check those that were not; decoding leaves the interpreter to others, so several go on at once."""
        new = [candidate for candidate in candidates if candidate.step not in checks]
        results = cast(
            "Generator[Checked]",
            self._pool.map(lambda candidate: check(candidate, self._classes, self._max_pixels), new),
        )
        with closing(results):  # who is interrupted does not wait for the rest
            for candidate, result in zip(new, results, strict=True):
                self._interrupts.look()
                checks[candidate.step] = result
                if result.problem:
                    outcome.failed(candidate, result.problem)
                elif result.remark:
                    outcome.found.append(finding(candidate, result.remark))

    def _placement(self, candidate: Candidate, decision: _Decision, checked: Checked) -> Placement:
        return Placement(
            id=candidate.id,
            placed_by=candidate.step,
            name=decision.name,
            content=candidate.content,
            sha256=candidate.sha256,
            header=checked.header,
            labels=checked.labels,
            split=self._options.split.of(candidate.image.split),
            tags=candidate.image.tags,
            replaces=decision.replaces,
        )

    def _write(self, placements: list[Placement]) -> list[bool]:
        if not self._writes:
            return [True] * len(placements)
        project_id = self._classes.project.id
        return self._interrupts.persist(lambda: self._store.image_batches.place_many(project_id, placements))
