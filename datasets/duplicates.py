"""Images that show the same picture: equal files, and pictures that were saved anew, resized, brightened or trimmed.

What the bounds are worth is measured by `benchmarks/duplicates.py`; docs/data.md has the figures.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from datasets.perceptual import THUMBNAIL_SIDE, Look
from datasets.snapshot import SnapshotImage

DISTANCE = 6
# For the split: pairs make chains, and what is joined by mistake is missing in the validation.
SPLIT_DISTANCE = 4
MOST_DISTANCE = 16
# Of the thumbnails, once brightness and contrast are made equal.
_LEAST_CORRELATION = 0.96
_MOST_LOCAL_DIFFERENCE = 0.9
_MOST_BANDS = 8
_BITS = 64
_BLOCK = 1024
_COMPARED_AT_A_TIME = 8192
MOST_COMPARED = 4_000_000


class Sets:
    """Which of so many things belong together (union by the lower number, with halved paths)."""

    def __init__(self, count: int):
        self._parent = list(range(count))

    def find(self, item: int) -> int:
        """The lowest number of its set."""
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, first: int, second: int) -> None:
        """Make one set of two."""
        low, high = sorted((self.find(first), self.find(second)))
        self._parent[high] = low

    def members(self) -> list[list[int]]:
        """All sets, by their lowest numbers."""
        sets: dict[int, list[int]] = defaultdict(list)
        for item in range(len(self._parent)):
            sets[self.find(item)].append(item)
        return list(sets.values())


@dataclass(frozen=True)
class Cluster:
    """Images that show the same picture.

    Attributes:
        images: by name.
        distances: bits in which the hash of each differs from that of the first.
        exact: they are equal byte for byte.
    """

    images: tuple[SnapshotImage, ...]
    distances: tuple[int, ...]
    exact: bool


def clusters(images: Iterable[SnapshotImage], distance: int = DISTANCE) -> tuple[list[Cluster], bool]:
    """Clusters of two images and more, the largest first.

    Returns:
        The clusters, and whether all images were compared: past `MOST_COMPARED` pairs of similar hashes, which only
        thousands of pictures of one scene have, the rest are not.
    """
    ordered = sorted(images, key=lambda image: image.name)
    sets = Sets(len(ordered))
    first: dict[str, int] = {}
    for index, image in enumerate(ordered):
        sets.join(first.setdefault(image.sha256, index), index)
    distinct = list(first.values())
    whole = join_similar([ordered[index].look for index in distinct], distinct, sets, distance)
    found = [_cluster([ordered[index] for index in members]) for members in sets.members() if len(members) > 1]
    return sorted(found, key=lambda cluster: (-len(cluster.images), cluster.images[0].name)), whole


def _cluster(images: list[SnapshotImage]) -> Cluster:
    hashes = [image.look.hash if image.look else 0 for image in images]
    distances = tuple(((hashes[0] ^ other) & (2**_BITS - 1)).bit_count() for other in hashes)
    return Cluster(tuple(images), distances, len({image.sha256 for image in images}) == 1)


def join_similar(looks: Sequence[Look | None], items: Sequence[int], sets: Sets, distance: int) -> bool:
    """Join those that look alike: few bits of the hashes differ, and no part of the thumbnails does by much.

    Args:
        items: what each look is of, as the sets number it.

    Returns:
        Whether all were compared, see `clusters`.
    """
    # A picture of one colour has no hash, and an unknown look is like no other.
    known = [(look, item) for look, item in zip(looks, items, strict=True) if look and look.hash]
    hashes = np.array([look.hash for look, _ in known], np.int64).view(np.uint64)
    thumbnails = _normalised([look.thumbnail for look, _ in known])
    numbers = [item for _, item in known]
    left = MOST_COMPARED
    for pairs in _close(hashes, distance):
        left -= _join_alike(pairs, thumbnails, numbers, sets)
        if left < 0:
            return False
    return True


def _join_alike(pairs: np.ndarray, thumbnails: np.ndarray, numbers: list[int], sets: Sets) -> int:
    """Join the pairs whose thumbnails are alike; gives how many had to be compared."""
    compared, some = 0, _COMPARED_AT_A_TIME
    while len(pairs := pairs[_apart(pairs, numbers, sets)]):
        # Few at first: where all look alike, those few join nearly all, and the rest is done.
        part, pairs = pairs[:some], pairs[some:]
        for a, b in part[_alike(thumbnails, part)]:
            sets.join(numbers[a], numbers[b])
        compared, some = compared + len(part), some * 2
    return compared


def _apart(pairs: np.ndarray, numbers: list[int], sets: Sets) -> np.ndarray:
    """Which of the pairs are not in one set yet."""
    members, places = np.unique(pairs, return_inverse=True)
    roots = np.array([sets.find(numbers[member]) for member in members], int)[places].reshape(-1, 2)
    return roots[:, 0] != roots[:, 1]


def _normalised(thumbnails: list[bytes]) -> np.ndarray:
    """Float32, images x pixels, each of mean 0 and spread 1."""
    pixels = np.frombuffer(b"".join(thumbnails), np.uint8).reshape(-1, THUMBNAIL_SIDE**2).astype(np.float32)
    pixels -= pixels.mean(1, keepdims=True)
    return pixels / np.maximum(pixels.std(1, keepdims=True), 1e-3)


def _alike(thumbnails: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Which of the pairs have thumbnails that are alike everywhere."""
    alike = np.empty(len(pairs), bool)
    for start in range(0, len(pairs), _COMPARED_AT_A_TIME):
        part = slice(start, start + _COMPARED_AT_A_TIME)
        first, second = thumbnails[pairs[part, 0]], thumbnails[pairs[part, 1]]
        correlated = (first * second).mean(1) >= _LEAST_CORRELATION
        alike[part] = correlated & (np.abs(first - second).max(1) <= _MOST_LOCAL_DIFFERENCE)
    return alike


def _close(hashes: np.ndarray, distance: int) -> Iterator[np.ndarray]:
    """Pairs of hashes that differ in at most so many bits: int, pairs x 2; a pair may come more than once.

    Hashes that differ in few bits are equal in one of a few more bands of bits (Manku et al. 2007, "Detecting
    Near-Duplicates for Web Crawling"), so only those that share a band are compared; for a larger distance the bands
    would be too narrow to tell anything, and all are compared. Memory is flat either way.
    """
    bands = distance + 1 if distance < _MOST_BANDS else 1
    edges = np.linspace(0, _BITS, bands + 1).astype(int)
    for low, high in itertools.pairwise(edges):
        keys = hashes >> np.uint64(low) & np.uint64(2 ** int(high - low) - 1) if bands > 1 else np.zeros_like(hashes)
        order = np.argsort(keys, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
            if len(members) > 1:
                yield from _close_among(hashes, members, distance)


def _close_among(hashes: np.ndarray, members: np.ndarray, distance: int) -> Iterator[np.ndarray]:
    for start in range(0, len(members), _BLOCK):
        block = members[start : start + _BLOCK]
        for other in range(start, len(members), _BLOCK):
            others = members[other : other + _BLOCK]
            apart = np.bitwise_count(hashes[block, np.newaxis] ^ hashes[np.newaxis, others])
            rows, columns = np.nonzero(apart <= distance)
            pairs = np.stack([block[rows], others[columns]], 1)
            pairs = pairs[rows < columns] if other == start else pairs
            if len(pairs):
                yield pairs
