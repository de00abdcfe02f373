"""How well are pictures found that were saved otherwise, how often are others taken for them, and what does it cost?

    python -m benchmarks.duplicates FOLDER [FOLDER ...]

Of each folder of images, searched as deep as it goes, up to 300 are changed as people change pictures, and all pairs of
different images are compared: those that count as the same are listed, to be looked at. Beside the hash and thumbnail
that decide, the hash alone is counted.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from datasets.duplicates import DISTANCE, SPLIT_DISTANCE, Sets, join_similar
from datasets.images import decode, read_info
from datasets.perceptual import Look

_MOST_PIXELS = 50_000_000
_MOST_CHANGED = 300
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


def saved(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    """As a file."""
    stream = io.BytesIO()
    picture.save(stream, format, **options)
    return stream.getvalue()


def _resized(picture: Image.Image, factor: float) -> Image.Image:
    width, height = (max(1, round(side * factor)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def _trimmed(picture: Image.Image, fraction: float) -> Image.Image:
    across, down = (round(side * fraction) for side in picture.size)
    return picture.crop((across, down, picture.width - across, picture.height - down))


CHANGES: dict[str, Callable[[Image.Image], bytes]] = {
    "JPEG, quality 75": lambda picture: saved(picture, "JPEG", quality=75),
    "JPEG, quality 20": lambda picture: saved(picture, "JPEG", quality=20),
    "half the size": lambda picture: saved(_resized(picture, 0.5)),
    "twice the size": lambda picture: saved(_resized(picture, 2)),
    "20 % brighter": lambda picture: saved(ImageEnhance.Brightness(picture).enhance(1.2)),
    "20 % darker": lambda picture: saved(ImageEnhance.Brightness(picture).enhance(0.8)),
    "grey": lambda picture: saved(picture.convert("L")),
    "1 % off each side": lambda picture: saved(_trimmed(picture, 0.01)),
    "2 % off each side": lambda picture: saved(_trimmed(picture, 0.02)),
    "5 % off each side": lambda picture: saved(_trimmed(picture, 0.05)),
}


def look(content: bytes) -> Look:
    """What a file looks like."""
    info = read_info(content, _MOST_PIXELS)
    return Look(info.perceptual_hash, info.thumbnail)


def same(first: Look, second: Look, distance: int) -> bool:
    """Whether two pictures count as the same."""
    sets = Sets(2)
    join_similar([first, second], [0, 1], sets, distance)
    return sets.find(1) == 0


def measure(folder: Path) -> None:
    """Print the figures of one folder."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    files = [path.read_bytes() for path in paths]
    started = time.perf_counter()
    looks = [look(content) for content in files]
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    for content in files:
        decode(content, _MOST_PIXELS)
    print(f"{folder.name}: {len(files):,} images")
    print(f"  check, hash and thumbnail {1000 * seconds / len(files):.2f} ms an image")
    print(f"  decoding alone {1000 * (time.perf_counter() - started) / len(files):.2f} ms")
    _print_found(files, looks)
    _print_mistaken(paths, looks)


def _print_found(files: list[bytes], looks: list[Look]) -> None:
    chosen = np.random.default_rng(0).permutation(len(files))[:_MOST_CHANGED]
    for name, change in CHANGES.items():
        changed = [look(change(Image.fromarray(decode(files[index], _MOST_PIXELS)))) for index in chosen]
        shares = [
            np.mean([same(looks[index], other, distance) for index, other in zip(chosen, changed, strict=True)])
            for distance in (SPLIT_DISTANCE, DISTANCE)
        ]
        print(f"  {name:18} found at distance {SPLIT_DISTANCE}: {shares[0]:.0%}, at {DISTANCE}: {shares[1]:.0%}")


def _print_mistaken(paths: list[Path], looks: list[Look]) -> None:
    hashes = np.array([item.hash for item in looks], np.int64).view(np.uint64)
    for distance in (SPLIT_DISTANCE, DISTANCE):
        pairs = [
            (row, int(other))
            for row in range(len(looks))
            for other in np.flatnonzero(np.bitwise_count(hashes[row + 1 :] ^ hashes[row]) <= distance) + row + 1
        ]
        kept = [(a, b) for a, b in pairs if same(looks[a], looks[b], distance)]
        of = len(looks) * (len(looks) - 1) // 2
        print(f"  distance {distance}: {len(kept)} of {of:,} pairs count as the same ({len(pairs)} by the hash alone)")
        for a, b in kept[:10]:
            print(f"    {paths[a].name} = {paths[b].name}")


def main() -> None:
    """Measure every folder that is named, then the search among 20,000 looks drawn at random."""
    for name in sys.argv[1:]:
        measure(Path(name))
    random = np.random.default_rng(0)
    looks = [Look(int(number), random.bytes(256)) for number in random.integers(-(2**63), 2**63, 20_000)]
    for distance in (SPLIT_DISTANCE, DISTANCE, 16):
        started = time.perf_counter()
        join_similar(looks, range(len(looks)), Sets(len(looks)), distance)
        print(f"20,000 images at distance {distance}: {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
