"""What a model becomes by a further file.

The distinct rows that a model has learned from are kept with it, so that a further file is learned from together with
them, what is repeated counts as often as it came, and a row that equals some of them is told by what came of those.
When they become too many, their generation is closed: its classifiers stay as they are, and files that follow teach a
new one. Generations are averaged by their rows.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from moodle.card import Card, Part, Training
from moodle.cells import Cells
from moodle.datafile import LabelledRows, arranged, relabelled
from moodle.learner.fitting import fit, mean
from moodle.learner.member import Member
from moodle.learner.rows import Rows
from moodle.learner.running import Runner
from moodle.learner.seen import Seen
from moodle.model import StoredModel, sha256_of
from utils import Conflict, InvalidInput, some_of, utc_now

# About 40 MB, and some hundred thousand rows as they are usual.
MOST_KEPT_CELLS = 10_000_000
_MOST_GENERATIONS = 20
_MOST_TRAININGS = 1000
_COMPARED_ROWS = 1000
TOLERANCE = 1e-4


@dataclass(frozen=True)
class _Past:
    """What a model brings to a further training."""

    columns: tuple[str, ...]
    classes: tuple[str, ...]
    rows: Rows | None
    closed: tuple[Part, ...]
    files: dict[str, bytes]
    trainings: tuple[Training, ...]


def misses_a_class(data: LabelledRows) -> bool:
    """Whether a class of the header has no sample."""
    return len(set(data.target[data.target >= 0].tolist())) < len(data.classes)


@dataclass(frozen=True)
class Lesson:
    """What there is to learn from a file, together with what a model has kept; holds nothing else of the file."""

    past: _Past
    rows: Rows
    came: int

    @classmethod
    def of(cls, model: StoredModel | None, data: LabelledRows) -> Lesson:
        """Of a file with at least one row of each class.

        Raises:
            InvalidInput: the file does not fit to its header, or to the model.
        """
        if data.unknown:
            raise InvalidInput(
                f"the target holds {some_of(list(data.unknown))}, targetclasses names {some_of(list(data.classes))}"
            )
        past = _past(model, data)
        target = relabelled(data.classes, past.classes, data.target)
        distinct = arranged(data.columns, past.columns, data.cells.distinct)
        fresh = Rows.of_cells(Cells(distinct, data.cells.places), target)
        return cls(replace(past, rows=None), past.rows.and_more(fresh) if past.rows else fresh, len(data.target))

    def learned(self, most_kept_cells: int = MOST_KEPT_CELLS) -> StoredModel:
        """The model that has learned from it.

        Raises:
            Conflict: its files do not say what was fitted; nothing is kept of it.
        """
        past, rows = self.past, self.rows
        members = fit(rows)
        found = Seen.of(rows, partial(mean, members))
        written = {sha256_of(content): (kind, content) for kind, content in _written(members, rows)}
        seen = found.pack() if found else None
        kept = rows.pack() if rows.features.size <= most_kept_cells else None
        made = [*(content for _, content in written.values()), *(content for content in (seen, kept) if content)]
        generation = max((part.generation for part in past.closed), default=-1) + 1
        parts = [
            Part(sha256=name, kind=kind, rows=rows.total, generation=generation) for name, (kind, _) in written.items()
        ]
        card = Card(
            format="diyml-moodle-1",
            columns=past.columns,
            classes=past.classes,
            parts=(*past.closed, *parts),
            seen=sha256_of(seen) if seen else None,
            kept=sha256_of(kept) if kept else None,
            trainings=(*past.trainings, Training(at=utc_now(), rows=self.came))[-_MOST_TRAININGS:],
            libraries={name: importlib.metadata.version(name) for name in ("scikit-learn", "onnx", "numpy")},
        )
        held = {part.sha256: past.files[part.sha256] for part in past.closed}
        return StoredModel(card, {**held, **{sha256_of(content): content for content in made}})


def teach(model: StoredModel | None, data: LabelledRows, most_kept_cells: int = MOST_KEPT_CELLS) -> StoredModel:
    """The model that has learned from a file too; see `Lesson`."""
    return Lesson.of(model, data).learned(most_kept_cells)


def _past(model: StoredModel | None, data: LabelledRows) -> _Past:
    if model is None:
        return _Past(data.columns, data.classes, None, (), {}, ())
    card = model.card
    if set(card.classes) != set(data.classes):
        raise InvalidInput(
            f"the model tells {some_of(list(card.classes))} apart, this file {some_of(list(data.classes))}: "
            "delete the model, or train one of another id"
        )
    if card.kept is None:
        newest = sorted({part.generation for part in card.parts})[-_MOST_GENERATIONS:]
        closed = tuple(part for part in card.parts if part.generation in newest)
        return _Past(card.columns, card.classes, None, closed, model.files, card.trainings)
    last = max(part.generation for part in card.parts)
    rows = Rows.unpack(model.files[card.kept], len(card.columns), len(card.classes))
    closed = tuple(part for part in card.parts if part.generation < last)
    return _Past(card.columns, card.classes, rows, closed, model.files, card.trainings)


def _written(members: list[Member], rows: Rows) -> list[tuple[str, bytes]]:
    """Kinds and ONNX files of what was fitted to rows, once the files are known to say the same.

    Raises:
        Conflict: a file does not; nothing is kept of it.
    """
    made = [(member.kind, member.onnx()) for member in members]
    sample = rows.features[:_COMPARED_ROWS]
    parts = tuple(Part(sha256=sha256_of(content), kind=kind, rows=1, generation=0) for kind, content in made)
    names = tuple(str(place) for place in range(rows.features.shape[1]))
    classes = tuple(str(place) for place in range(mean(members, sample[:1]).shape[1]))
    card = Card(
        format="diyml-moodle-1",
        columns=names,
        classes=classes,
        parts=parts,
        trainings=(Training(at=utc_now(), rows=1),),
    )
    again = Runner(StoredModel(card, {sha256_of(content): content for _, content in made})).predict(sample)
    difference = float(np.abs(again - mean(members, sample)).max())
    if difference > TOLERANCE:
        raise Conflict(f"the model's file differs from what was trained by {difference:.2g}: it was not kept")
    return made
