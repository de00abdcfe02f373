"""What is different between two states of a dataset. Images are told apart by name."""

from __future__ import annotations

from collections import Counter
from typing import Any

from datasets.frozen import FrozenDataset
from storage.images import StoredImage

MOST_NAMES = 100


def compare(before: FrozenDataset, after: FrozenDataset) -> dict[str, Any]:
    """Compare two states.

    Returns:
        `same`; `added`, `removed`, `replaced` (other content under the same name), `relabelled`, `resplit` and
        `retagged` images, each with `count` and the first `MOST_NAMES` `names`; `unchanged`, a count; `classes` that
        were `added`, `removed` or `renamed`, and whether they are `reordered`; `splits` of both.
    """
    old, new = _by_name(before), _by_name(after)
    both = [(old[name], new[name]) for name in old if name in new]
    differences = {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "replaced": [a.name for a, b in both if a.sha256 != b.sha256],
        "relabelled": [a.name for a, b in both if _labels(a) != _labels(b)],
        "resplit": [a.name for a, b in both if a.split != b.split],
        "retagged": [a.name for a, b in both if a.tags != b.tags],
    }
    changed = {name for names in differences.values() for name in names}
    classes = _classes(before, after)
    return {
        "same": not changed and not any(classes.values()),
        **{kind: {"count": len(names), "names": sorted(names)[:MOST_NAMES]} for kind, names in differences.items()},
        "unchanged": sum(a.name not in changed for a, _ in both),
        "classes": classes,
        "splits": {"before": _splits(before), "after": _splits(after)},
    }


def _by_name(frozen: FrozenDataset) -> dict[str, StoredImage]:
    return {image.name: image for image in frozen.images}


def _labels(image: StoredImage) -> tuple[bool, list[tuple[int, Any]]]:
    return image.background, sorted((a.class_id, a.box or ()) for a in image.annotations)


def _classes(before: FrozenDataset, after: FrozenDataset) -> dict[str, Any]:
    old = dict(zip(before.project.class_ids, before.project.classes, strict=True))
    new = dict(zip(after.project.class_ids, after.project.classes, strict=True))
    stayed = [class_id for class_id in old if class_id in new]
    return {
        "added": [name for class_id, name in new.items() if class_id not in old],
        "removed": [name for class_id, name in old.items() if class_id not in new],
        "renamed": [{"before": old[one], "after": new[one]} for one in stayed if old[one] != new[one]],
        "reordered": stayed != [class_id for class_id in new if class_id in old],
    }


def _splits(frozen: FrozenDataset) -> dict[str, int]:
    counts = Counter(image.split or "auto" for image in frozen.images)
    return {part: counts[part] for part in ("train", "val", "test", "auto")}
