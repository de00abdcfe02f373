"""What a job says of the data that it was made from."""

from __future__ import annotations

from dataclasses import dataclass

from bson import ObjectId


@dataclass(frozen=True)
class DatasetRecord:
    """A file that names every image, its hash, its labels and its part of the split.

    Attributes:
        size: of the file, compressed, in bytes.
        digest: of the data, as the model card has it; equal data have equal digests.
        train_images: images trained on.
        val_images: images held back; 0 when there were too few to hold any back.
    """

    file_id: ObjectId
    sha256: str
    size: int
    digest: str
    train_images: int
    val_images: int
