"""The worker's copy of image files on disk, by content, so that a second training downloads nothing."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from pathlib import Path

from bson import ObjectId

from datasets.snapshot import Dataset, Sample, Snapshot, SnapshotImage
from datasets.split import split
from storage.files import Files
from utils import Unavailable

_READ_ONLY = 0o444
_INCOMING = ".incoming-"
_ABANDONED_SECONDS = 3600


class DatasetCache:
    """Files under `<root>/<first two hex digits>/<SHA-256>.<format>`, oldest use removed first past `max_bytes`.

    A thread sees one training through at a time, so what each asked for last is in use and stays.
    """

    def __init__(self, root: Path, max_bytes: int):
        self._root = root
        self._max_bytes = max_bytes
        self._in_use: dict[int, set[Path]] = {}

    def materialise(self, snapshot: Snapshot, files: Files, train_fraction: float, seed: int) -> Dataset:
        """Bring every image of the snapshot to disk and split it.

        Raises:
            NotFound: an image was replaced or deleted since the snapshot was taken: take a new one.
        """
        paths = {image.sha256: self._path(image) for image in snapshot.images}
        self._in_use[threading.get_ident()] = set(paths.values())
        for image in snapshot.images:
            self._fetch(image, files)
        self._evict(keep=set().union(*list(self._in_use.values())))
        parts = split(snapshot, train_fraction, seed)
        return Dataset(
            project_type=snapshot.project_type,
            classes=snapshot.classes,
            train=tuple(_sample(image, paths) for image in parts.train),
            val=tuple(_sample(image, paths) for image in parts.val),
            digest=snapshot.digest(),
            val_is_train=parts.val_is_train,
        )

    def _path(self, image: SnapshotImage) -> Path:
        return self._root / image.sha256[:2] / f"{image.sha256}.{image.format.lower()}"

    def _fetch(self, image: SnapshotImage, files: Files) -> None:
        path = self._path(image)
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=_INCOMING)
        os.close(handle)
        try:
            if files.save(ObjectId(image.file_id), Path(name)) != image.sha256:
                raise Unavailable(f"the stored file of '{image.name}' does not have the hash it was uploaded with")
            os.chmod(name, _READ_ONLY)
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)

    def _evict(self, keep: set[Path]) -> None:
        entries = []
        for path in self._root.glob("??/*"):
            with contextlib.suppress(FileNotFoundError):  # another training's eviction came first
                entries.append((path.stat().st_mtime, path.stat().st_size, path))
        excess = sum(size for _, size, _ in entries) - self._max_bytes
        for modified, size, path in sorted(entries):
            if excess <= 0:
                return
            if path not in keep and not _is_arriving(path, modified):
                path.unlink(missing_ok=True)
                excess -= size


def _is_arriving(path: Path, modified: float) -> bool:
    """Whether another worker is writing the file just now."""
    return path.name.startswith(_INCOMING) and time.time() - modified < _ABANDONED_SECONDS


def _sample(image: SnapshotImage, paths: dict[str, Path]) -> Sample:
    return Sample(paths[image.sha256].absolute(), image.width, image.height, image.annotations)
