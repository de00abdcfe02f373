"""Whether a project is ready to be trained: what is missing, and what a person had better look at first."""

from __future__ import annotations

from dataclasses import dataclass

from datasets.advice import advice
from datasets.findings import Finding
from datasets.snapshot import TRAIN, Snapshot
from training.registry import TRAINERS
from utils import some_of


@dataclass(frozen=True)
class Readiness:
    """Whether a training may start.

    Attributes:
        reasons: what keeps it from starting.
        warnings: what may disappoint; nothing that is a reason already.
    """

    reasons: tuple[Finding, ...]
    warnings: tuple[Finding, ...]

    @property
    def ready(self) -> bool:
        """Whether nothing keeps it."""
        return not self.reasons


def readiness(snapshot: Snapshot, group_pattern: str = "") -> Readiness:
    """How ready a project is."""
    reasons = missing(snapshot)
    codes = {reason.code for reason in reasons}
    warnings = (warning for warning in advice(snapshot, group_pattern) if warning.code not in codes)
    return Readiness(tuple(reasons), tuple(warnings))


def missing(snapshot: Snapshot) -> list[Finding]:
    """What keeps a training from starting; empty when nothing does."""
    return [*TRAINERS[snapshot.project_type].check(snapshot), *_nothing_to_train_on(snapshot)]


def _nothing_to_train_on(snapshot: Snapshot) -> list[Finding]:
    """Classes of which every image is fixed in a part that is not trained on."""
    shown: dict[int, bool] = {}
    for image in snapshot.images:
        for annotation in image.annotations:
            index = annotation.class_index
            shown[index] = shown.get(index, False) or image.split in ("", TRAIN)
    held = [snapshot.classes[index] for index, trained in sorted(shown.items()) if not trained]
    if not held:
        return []
    classes = f"class '{held[0]}' is" if len(held) == 1 else f"{len(held):,} classes are: {some_of(held)}:"
    sentence = f"{classes} only in images whose split is fixed to val or test: let at least one be trained on"
    return [Finding("class_not_trained", sentence)]
