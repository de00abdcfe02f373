"""Brings a snapshot's images to the worker's disk, so that a second training downloads nothing."""

from __future__ import annotations

import threading
from pathlib import Path

from bson import ObjectId

from datasets.snapshot import Dataset, Sample, Snapshot, SnapshotImage
from datasets.split import Split
from storage.file_cache import FileCache
from storage.files import Files


class DatasetCache:
    """Images by content below `root`; past `max_bytes` the longest unused go.

    A thread sees one training through at a time, so what each asked for last is in use and stays.
    """

    def __init__(self, root: Path, max_bytes: int):
        self._cache = FileCache(root, max_bytes)
        self._in_use: dict[int, set[Path]] = {}

    def fetch(self, snapshot: Snapshot, files: Files) -> dict[str, Path]:
        """Bring every image of the snapshot to disk; gives where each content lies, by SHA-256.

        Raises:
            NotFound: an image was replaced or deleted since the snapshot was taken: take a new one.
            DamagedFile: a stored image does not have the hash it was uploaded with.
        """
        paths = {image.sha256: self._cache.path_of(image.sha256, image.format.lower()) for image in snapshot.images}
        self._in_use[threading.get_ident()] = set(paths.values())
        for image in snapshot.images:
            self._cache.fetch(files, ObjectId(image.file_id), image.sha256, image.format.lower())
        self._cache.evict(keep=set().union(*list(self._in_use.values())))
        return paths

    def materialise(self, snapshot: Snapshot, files: Files, parts: Split) -> Dataset:
        """Bring every image of the snapshot to disk, in the parts of its split.

        Raises:
            NotFound: as `fetch`; `DamagedFile` likewise.
        """
        paths = self.fetch(snapshot, files)
        return Dataset(
            project_type=snapshot.project_type,
            classes=snapshot.classes,
            train=tuple(_sample(image, paths) for image in parts.train),
            val=tuple(_sample(image, paths) for image in parts.val),
            digest=snapshot.digest(),
            val_is_train=parts.val_is_train,
            test=tuple(_sample(image, paths) for image in parts.test),
            class_ids=snapshot.class_ids,
        )


def _sample(image: SnapshotImage, paths: dict[str, Path]) -> Sample:
    path = paths[image.sha256].absolute()
    return Sample(path, image.width, image.height, image.annotations, image.name, image.sha256)
