from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
from PIL import Image

import datasets.duplicates
from datasets.duplicates import DISTANCE, Sets, clusters, join_similar
from datasets.perceptual import Look
from tests.datasets.pictures import changed, look, saved, scene, seen


@pytest.mark.parametrize("kind", sorted(changed(scene(0))))
def test_the_same_picture_saved_otherwise_is_found(kind: str):
    images = [seen(f"{seed}", saved(scene(seed)), 0) for seed in range(30)]
    again = seen("again", changed(scene(7))[kind], 0)
    [found], whole = clusters([*images, again])
    assert [image.name for image in found.images] == ["7", "again"]
    assert (found.exact, found.distances[0]) == (False, 0)
    assert whole


def test_equal_files_are_one_cluster_whatever_they_show():
    flat = saved(Image.new("RGB", (20, 20), (90, 90, 90)))
    [found], _ = clusters([seen("b", flat), seen("a", flat), seen("c", saved(scene(1)))])
    assert [image.name for image in found.images] == ["a", "b"]
    assert found.exact


def test_pictures_of_one_colour_are_not_alike_for_having_no_structure():
    flat = [saved(Image.new("RGB", (40, 40), (grey, grey, grey)), "JPEG") for grey in range(0, 250, 5)]
    assert {look(content).hash for content in flat} == {0}
    assert clusters([seen(f"{n}", content) for n, content in enumerate(flat)]) == ([], True)


@pytest.mark.parametrize("side", [12, 30, 60])
def test_a_small_object_at_another_place_is_another_picture(side: int):
    random = np.random.default_rng(side)

    def picture(x: int, y: int) -> bytes:
        pixels = np.full((240, 320, 3), 200, np.uint8)
        pixels[y : y + side, x : x + side] = 20
        return saved(Image.fromarray(pixels))

    places = [(random.integers(0, 320 - side), random.integers(0, 240 - side)) for _ in range(60)]
    far = [a for n, a in enumerate(places) if all(abs(np.subtract(a, b)).max() > side / 2 for b in places[:n])]
    images = [seen(f"{n}", picture(x, y)) for n, (x, y) in enumerate(far)]
    assert len(images) > 10
    assert clusters(images)[0] == []


def test_twenty_thousand_images_are_compared_quickly_and_in_flat_memory():
    random = np.random.default_rng(0)
    hashes = random.integers(-(2**63), 2**63, 20_000)
    looks = [Look(int(number), bytes(256)) for number in hashes]
    tracemalloc.start()
    started, sets = time.monotonic(), Sets(len(looks))
    assert join_similar(looks, range(len(looks)), sets, DISTANCE)
    assert time.monotonic() - started < 20  # a second on a machine that does nothing else
    assert tracemalloc.get_traced_memory()[1] < 200_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("distance", [0, 3, 7, 9])
def test_every_pair_within_the_distance_is_found_and_no_other(distance: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(datasets.duplicates, "_BLOCK", 16)
    random = np.random.default_rng(distance)
    base = random.integers(0, 2**63, 40)
    flips = [sum(1 << int(bit) for bit in random.choice(64, random.integers(0, 12), replace=False)) for _ in range(40)]
    hashes = np.array([*map(int, base), *(int(b) ^ f for b, f in zip(base, flips, strict=True))], np.uint64)
    found = {tuple(sorted(pair)) for pairs in datasets.duplicates._close(hashes, distance) for pair in pairs.tolist()}
    expected = {
        (a, b) for a in range(80) for b in range(a + 1, 80) if (int(hashes[a]) ^ int(hashes[b])).bit_count() <= distance
    }
    assert found == expected


def test_thousands_of_pictures_of_one_scene_end_in_time_and_it_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(datasets.duplicates, "MOST_COMPARED", 10_000)
    random = np.random.default_rng(0)
    looks = [Look(1 + (number << 60), random.bytes(256)) for number in (0, 1, 2, 3) for _ in range(50)]
    assert not join_similar(looks, range(len(looks)), Sets(len(looks)), 4)
    alike = [Look(5, bytes(range(256)))] * 1000
    sets = Sets(len(alike))
    assert join_similar(alike, range(len(alike)), sets, 4)
    assert len(sets.members()) == 1
