"""What a person wants to know about a dataset before training on it."""

from __future__ import annotations

from collections import Counter, defaultdict
from statistics import median
from typing import Any

from datasets.snapshot import Snapshot

_MOST_NAMES = 100
_SMALL_PX, _LARGE_PX = 32, 96


def describe(snapshot: Snapshot) -> dict[str, Any]:
    """Counts, sizes, imbalance and duplicates of a snapshot, as JSON.

    Sizes are in pixels of the EXIF-turned images. Boxes are small, medium or large by the area thresholds of COCO
    (32 x 32 and 96 x 96 pixels, https://cocodataset.org/#detection-eval).
    """
    images_of_class = dict(zip(snapshot.classes, snapshot.images_of_class(), strict=True))
    annotations = Counter(a.class_index for image in snapshot.images for a in image.annotations)
    return {
        "image_count": len(snapshot.images),
        "annotation_count": annotations.total(),
        "images_per_class": images_of_class,
        "annotations_per_class": {name: annotations[index] for index, name in enumerate(snapshot.classes)},
        "images_without_label": _names(snapshot.unlabelled),
        "image_sizes": _image_sizes(snapshot),
        "box_sizes": _box_sizes(snapshot),
        "class_imbalance": _imbalance(list(images_of_class.values())),
        "exact_duplicates": _duplicates(snapshot),
        "annotations_of_removed_classes": dict(snapshot.unknown),
    }


def _names(names: list[str]) -> dict[str, Any]:
    return {"count": len(names), "names": names[:_MOST_NAMES]}


def _spread(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"min": round(min(values), 2), "median": round(median(values), 2), "max": round(max(values), 2)}


def _image_sizes(snapshot: Snapshot) -> dict[str, Any]:
    common = Counter(f"{image.width}x{image.height}" for image in snapshot.images).most_common(10)
    return {
        "width_px": _spread([image.width for image in snapshot.images]),
        "height_px": _spread([image.height for image in snapshot.images]),
        "most_common": dict(common),
    }


def _box_sizes(snapshot: Snapshot) -> dict[str, Any]:
    sizes = [
        (a.box[2] * image.width, a.box[3] * image.height)
        for image in snapshot.images
        for a in image.annotations
        if a.box
    ]
    areas = [width * height for width, height in sizes]
    small = sum(area < _SMALL_PX**2 for area in areas)
    large = sum(area >= _LARGE_PX**2 for area in areas)
    return {
        "width_px": _spread([width for width, _ in sizes]),
        "height_px": _spread([height for _, height in sizes]),
        "small": small,
        "medium": len(areas) - small - large,
        "large": large,
    }


def _imbalance(counts: list[int]) -> float | None:
    """Images of the most common class over those of the rarest; None while a class has none."""
    return round(max(counts) / min(counts), 2) if counts and min(counts) > 0 else None


def _duplicates(snapshot: Snapshot) -> list[list[str]]:
    """Groups of names whose files are the same byte for byte."""
    groups: dict[str, list[str]] = defaultdict(list)
    for image in snapshot.images:
        groups[image.sha256].append(image.name)
    return [names for names in groups.values() if len(names) > 1][:_MOST_NAMES]
