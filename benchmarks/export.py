"""How fast is an export over HTTP, and what memory does it take, beside reading the same files bare from GridFS?

    python -m benchmarks.export [--images 2000] [--kilobytes 100] [--boxes 10] [--rounds 3] [--format coco]

A platform of its own, in a temporary folder, holds a project with that many images; its files hold random bytes, as
nothing looks into them here. The two ways take turns. The baseline is one client of the same MongoDB that reads a file
after another with `GridFSBucket` and does nothing with it; an export is one GET from the first byte asked for to the
last received. Memory is that of the web process that grew the most, above what it took before.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import io
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from gridfs import GridFSBucket

from benchmarks.serving.__main__ import machine
from benchmarks.serving.memory_of import MEBIBYTE, usage
from benchmarks.serving.platform import Platform, running
from storage.images import StoredAnnotation
from storage.projects import Project
from utils import plural

_PROJECT = "exported"
_PIECE_BYTES = 1024 * 1024
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Way:
    """One way through all files."""

    seconds: float
    first_seconds: float
    size: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--kilobytes", type=int, default=100, help="of an image")
    parser.add_argument("--boxes", type=int, default=10, help="in an image")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--format", default="coco")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="diyml-bench-") as folder,
        running(Path(folder) / "data", users=1) as platform,
    ):
        fill(platform, arguments)
        bare, exported, growth = measure(platform, arguments.rounds, arguments.format)
    print(f"{machine()}\n{plural(arguments.images, 'image')} of {arguments.kilobytes} KB, {arguments.boxes} boxes each")
    for name, ways in (("bare GridFS, one file after the other", bare), (f"export as {arguments.format}", exported)):
        rate = median(way.size / way.seconds for way in ways) / 1e6
        print(f"   {name}: {rate:.0f} MB/s, first byte after {median(way.first_seconds for way in ways):.2f} s")
    ratio = median(way.seconds for way in bare) / median(way.seconds for way in exported)
    print(f"   export over bare: {ratio:.2f}; memory of the web process: {max(growth) / MEBIBYTE:+.0f} MiB at most")


def fill(platform: Platform, arguments: argparse.Namespace) -> None:
    """Make the project."""
    store, odds = platform.store, random.Random(0)
    owner = store.users.find(platform.users[0])
    assert owner
    created = store.projects.create(owner, _PROJECT, "detection")
    store.projects.set_classes(created, ("cat", "dog"))
    project = store.projects.named(_PROJECT, owner)
    header = {"format": "JPEG", "width": 640, "height": 480}
    for number in range(arguments.images):
        file = store.image_files.put(io.BytesIO(os.urandom(arguments.kilobytes * 1000)), str(number))
        labels = tuple(_annotation(project, odds) for _ in range(arguments.boxes))
        store.images.place(project.id, f"image {number:06}.jpg", file, header, labels)


def _annotation(project: Project, odds: random.Random) -> StoredAnnotation:
    box = (odds.uniform(0.3, 0.7), odds.uniform(0.3, 0.7), odds.uniform(0.1, 0.5), odds.uniform(0.1, 0.5))
    return StoredAnnotation(odds.choice(project.class_ids), box, numbers=" ".join(map(repr, box)))


def measure(platform: Platform, rounds: int, format: str) -> tuple[list[Way], list[Way], list[int]]:
    """Both ways in turns after a warm-up of each; and by how many bytes the web process grew in each round."""
    bare, exported, growth = [], [], []
    for _ in range(rounds + 1):
        bare.append(read_bare(platform))
        with growing(platform) as grown:
            exported.append(read_export(platform, format))
        growth.append(grown[0])
    return bare[1:], exported[1:], growth


def read_bare(platform: Platform) -> Way:
    """Every file of the project."""
    database = platform.store.database
    bucket = GridFSBucket(database, "images")
    began, first, size = time.monotonic(), 0.0, 0
    for row in database["images"].find({}, {"file_id": 1}).sort("name", 1):
        size += len(bucket.open_download_stream(row["file_id"]).read())
        first = first or time.monotonic() - began
    return Way(time.monotonic() - began, first, size)


def read_export(platform: Platform, format: str) -> Way:
    """One export, read to its end."""
    connection = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=600)
    began, size = time.monotonic(), 0
    headers = {"Authorization": f"Bearer {platform.tokens[0]}"}
    connection.request("GET", f"/api/v1/projects/{_PROJECT}/exports/{format}", headers=headers)
    response = connection.getresponse()
    first = time.monotonic() - began
    while piece := response.read(_PIECE_BYTES):
        size += len(piece)
    seconds = time.monotonic() - began
    connection.close()
    if response.status != 200 or size != int(response.headers["Content-Length"]):
        raise RuntimeError(f"the export failed: {response.status}, {size:,} bytes")
    return Way(seconds, first, size)


@contextlib.contextmanager
def growing(platform: Platform) -> Iterator[list[int]]:
    """By how many bytes the web process that grows the most does while the block runs."""
    before, grown, done = web_bytes(platform), [0], threading.Event()

    def look() -> None:
        while not done.wait(_LOOK_SECONDS):
            now = web_bytes(platform)
            grown[0] = max(grown[0], *(now[pid] - before.get(pid, 0) for pid in now))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield grown
    finally:
        done.set()
        thread.join()


def web_bytes(platform: Platform) -> dict[int, int]:
    """What each web process has in memory."""
    return {item.pid: item.resident_bytes for item in usage(platform.pid) if item.kind == "web"}


if __name__ == "__main__":
    main()
