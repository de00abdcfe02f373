"""The check of what images are found by."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from bson import ObjectId

from storage.checks.check import Finding, Look
from storage.image_changes import ImageChanges


def every_image_is_found_by_its_labels_split_and_tags(look: Look) -> Iterator[Finding]:
    """What lists find it by is derived in the update that changes it, unless the writer is older than that."""
    changes = look.store.image_changes
    for image in look.each(changes.with_fitness()):
        if not image.fits:
            yield Finding(
                f"data point '{image.name}' of {look.project(image.project_id)}: lists do not find it by what it is",
                "derive it anew, which --repair does",
                functools.partial(_derive, changes, image.id),
            )


def _derive(changes: ImageChanges, image_id: ObjectId) -> str:
    changes.derive(image_id)
    return "derived anew"
