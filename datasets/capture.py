"""Takes a snapshot of a project out of the store."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from datasets.grouping import compiled, groups_of
from datasets.perceptual import Look
from datasets.snapshot import Annotation, Snapshot, SnapshotImage
from storage.image import StoredImage
from storage.projects import Project
from storage.store import Store


def capture(store: Store, project: Project) -> Snapshot:
    """The project's classes and images as they are now; no image when it was deleted meanwhile."""
    return snapshot_of(*read(store, project))


def read(store: Store, project: Project) -> tuple[Project, list[StoredImage]]:
    """The project and its images as they are now, fit to each other.

    The project is read last, so that it knows every class that an image names; when it was deleted meanwhile, there
    are no images any more.
    """
    images = list(store.images.list_all(project.id))
    current = store.projects.get(project.id)
    if current is None:
        return project, []
    return current, [replace(image, annotations=current.annotations_now(image.annotations)) for image in images]


def snapshot_of(project: Project, images: list[StoredImage]) -> Snapshot:
    """A snapshot of what was read.

    Annotations of classes that left the class list are not part of it; they are counted in `unknown`.
    """
    index_of = {class_id: index for index, class_id in enumerate(project.class_ids)}
    unknown: Counter[str] = Counter()
    for image in images:
        gone = {a.class_id for a in image.annotations if a.class_id not in index_of}
        unknown.update(project.class_name(class_id) for class_id in gone)
    pattern = compiled(project.group_pattern)
    shown = tuple(_snapshot_image(image, index_of, groups_of(image.name, image.tags, pattern)) for image in images)
    return Snapshot(project.type, project.classes, shown, tuple(sorted(unknown.items())), project.class_ids)


def _snapshot_image(image: StoredImage, index_of: dict[int, int], groups: tuple[str, ...]) -> SnapshotImage:
    annotations = tuple(Annotation(index_of[a.class_id], a.box) for a in image.annotations if a.class_id in index_of)
    return SnapshotImage(
        name=image.name,
        sha256=image.sha256,
        file_id=str(image.file_id),
        width=image.width,
        height=image.height,
        format=image.format,
        annotations=annotations,
        waits=bool(image.annotations) and not annotations,
        background=image.background,
        image_id=str(image.id),
        split=image.split,
        groups=groups,
        look=_look(image),
    )


def _look(image: StoredImage) -> Look | None:
    if image.perceptual_hash is None or image.thumbnail is None:
        return None
    return Look(image.perceptual_hash, image.thumbnail)
