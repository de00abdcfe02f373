"""Whether a project is ready to be trained: what is missing, and what a person had better look at first."""

from __future__ import annotations

from datasets.findings import Finding
from datasets.snapshot import TRAIN, Snapshot
from training.registry import TRAINERS
from utils import some_of


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
