"""Looks of images that were stored before there were any: taken from their files, and kept."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bson import ObjectId

from datasets.images import read_info
from datasets.perceptual import THUMBNAIL_SIDE, Look
from datasets.snapshot import Snapshot, SnapshotImage
from storage.store import Store
from utils import InvalidInput, NotFound, TooLarge

# Of more images none is looked at: the split then goes by content and groups alone.
MOST_IMAGES = 50_000
_AT_A_TIME = 256
_MOST_THREADS = 8


def read_stored(store: Store) -> Callable[[SnapshotImage], bytes]:
    """What reads files of images out of the store."""
    return lambda image: store.image_files.read(ObjectId(image.file_id))


def with_looks(
    store: Store, snapshot: Snapshot, read: Callable[[SnapshotImage], bytes], most: int = MOST_IMAGES
) -> Snapshot:
    """The snapshot with the looks of all its images.

    Args:
        read: the file of an image.
        most: looks to take at most; the rest stays without.
    """
    unknown = [image for image in snapshot.images if image.look is None][:most]
    if not unknown or len(snapshot.images) > MOST_IMAGES:
        return snapshot
    found: dict[str, Look] = {}
    # Pillow lets other threads run while it decodes; few of them, since each may hold an image of 50 Mpixel.
    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
        for start in range(0, len(unknown), _AT_A_TIME):
            part = unknown[start : start + _AT_A_TIME]
            taken = list(zip(part, pool.map(lambda image: _look(image, read), part), strict=True))
            found |= {image.sha256: look for image, look in taken if look}
            store.images.keep_looks(
                {
                    (ObjectId(image.image_id), image.sha256): (look.hash, look.thumbnail)
                    for image, look in taken
                    if look and image.image_id
                }
            )
    seen = (
        image if image.look else dataclasses.replace(image, look=found.get(image.sha256)) for image in snapshot.images
    )
    return dataclasses.replace(snapshot, images=tuple(seen))


def _look(image: SnapshotImage, read: Callable[[SnapshotImage], bytes]) -> Look | None:
    try:
        info = read_info(read(image), image.width * image.height)
    except NotFound:  # it was deleted meanwhile
        return None
    except (InvalidInput, TooLarge):  # a damaged file looks like no other; whoever trains on it says what is wrong
        return Look(0, bytes(THUMBNAIL_SIDE**2))
    return Look(info.perceptual_hash, info.thumbnail)
