"""Images as a kind of data: snapshots of the store, a split by content, files on a worker's disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bson import ObjectId

from datasets.advice import advice
from datasets.cache import DatasetCache
from datasets.capture import capture
from datasets.comparison import compare
from datasets.findings import Finding
from datasets.formats.registry import FORMATS
from datasets.frozen import FrozenDataset
from datasets.image_versions import current, freeze, snapshot_with_looks, stored_contents
from datasets.kinds import Export
from datasets.looks import with_looks
from datasets.record import RecordedData
from datasets.snapshot import TRAIN, Dataset, Snapshot
from datasets.split import split
from storage.projects import Project
from storage.store import Store
from utils import Conflict, plural, some_of


class ImageKind:
    """See `datasets.kinds.DataKind`."""

    name = noun = "images"
    unit = "image"
    import_formats = tuple(FORMATS)
    import_options: frozenset[str] | None = None

    def file_import(self, *what: object, **named: object) -> None:
        """None: images come in archives."""

    def gather(self, store: Store, project: Project, folder: Path) -> None:
        """Nothing: an image is there as soon as it comes."""

    def capture(self, store: Store, project: Project) -> Snapshot:
        """Classes and images."""
        return capture(store, project)

    def current(self, store: Store, project: Project) -> FrozenDataset:
        """Classes and images with all of their labels."""
        return current(store, project)

    def freeze(self, store: Store, project: Project, version_id: ObjectId) -> FrozenDataset | None:
        """The files of the images are kept."""
        return freeze(store, project, version_id)

    def thaw(self, store: Store, project: Project, content: bytes) -> FrozenDataset:
        """Classes and images as they were frozen."""
        return FrozenDataset.from_bytes(content, project)

    def of_version(self, store: Store, project: Project, frozen: FrozenDataset) -> Snapshot:
        """Classes and images as they were frozen, with what is known of their looks."""
        return snapshot_with_looks(store, project, frozen)

    def compare(self, store: Store, before: FrozenDataset, after: FrozenDataset) -> dict[str, Any]:
        """Images by name, and classes."""
        return compare(before, after)

    def exporter(self, name: str, project: Project) -> Callable[[Store, FrozenDataset], Export]:
        """An archive of images and labels."""
        from datasets.export import export, format_for  # which asks the registry that this kind is in

        format = format_for(name, project)

        def made(store: Store, frozen: FrozenDataset) -> Export:
            archive = export(frozen.project, frozen.images, store.image_files, format)
            return Export(f"{project.name}-{format.name}.zip", "application/zip", archive.length, archive.stream)

        return made

    def missing(self, snapshot: Snapshot) -> list[Finding]:
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

    def advice(self, snapshot: Snapshot, project: Project) -> list[Finding]:
        """Few images, classes that are rare, duplicates on both sides and the like."""
        return advice(snapshot, project.group_pattern)

    def cache(self, folder: Path, most_bytes: int) -> DatasetCache:
        """Of image files by content."""
        return DatasetCache(folder, most_bytes)

    def split(
        self, store: Store, snapshot: Snapshot, train_fraction: float, seed: int, cache: DatasetCache
    ) -> RecordedData:
        """By content and by look; pictures of an earlier version are looked at now."""
        paths = cache.fetch(snapshot, store.image_files)
        snapshot = with_looks(store, snapshot, lambda image: paths[image.sha256].read_bytes())
        return RecordedData(snapshot, split(snapshot, train_fraction, seed))

    def read_record(self, content: bytes) -> RecordedData:
        """A snapshot and its split."""
        return RecordedData.from_bytes(content)

    def as_stored(self, store: Store, project_id: ObjectId, record: RecordedData) -> RecordedData:
        """An image counts as stored as long as the project, or a version, has its content, whatever its name is."""
        contents = stored_contents(store, project_id)
        if gone := record.without(contents):
            images = plural(len(record.snapshot.images), "image")
            verb = "is" if len(gone) == 1 else "are"
            raise Conflict(
                f"{len(gone):,} of the {images} of that training {verb} not stored any more: {some_of(gone)}: "
                "add the same files again, or start a plain training on what the project has now"
            )
        return record.with_files(contents)

    def materialise(
        self, store: Store, job_id: ObjectId, record: RecordedData, cache: DatasetCache, folder: Path
    ) -> Dataset:
        """Every image, in the parts of the split; the record alone is enough to find them again."""
        return cache.materialise(record.snapshot, store.image_files, record.parts)

    def read_dataset(self, path: Path) -> Dataset:
        """The samples with their annotations."""
        return Dataset.read(path)
