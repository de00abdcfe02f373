"""Takes a snapshot of a project out of the store."""

from __future__ import annotations

from collections import Counter

from datasets.snapshot import Annotation, Snapshot, SnapshotImage
from storage.images import StoredImage
from storage.projects import Project
from storage.store import Store


def capture(store: Store, project: Project) -> Snapshot:
    """The project's classes and images as they are now.

    Annotations of classes that left the class list are not part of it; they are counted in `unknown`.
    """
    index_of = {class_id: index for index, class_id in enumerate(project.class_ids)}
    unknown: Counter[str] = Counter()
    images = []
    for image in store.images.list_all(project.id):
        gone = {a.class_id for a in image.annotations if a.class_id not in index_of}
        unknown.update(project.class_name(class_id) for class_id in gone)
        images.append(_snapshot_image(image, index_of))
    return Snapshot(project.type, project.classes, tuple(images), tuple(sorted(unknown.items())))


def _snapshot_image(image: StoredImage, index_of: dict[int, int]) -> SnapshotImage:
    annotations = tuple(
        Annotation(index_of[a.class_id], a.box) for a in image.annotations if a.class_id in index_of
    )
    return SnapshotImage(
        image.name, image.sha256, str(image.file_id), image.width, image.height, image.format, annotations
    )
