"""How fast do images come in as one archive, beside writing the same files bare into GridFS, one after the other?

    python -m benchmarks.imports [--images 10000] [--kilobytes 20] [--memory-images 20000] [--folder FOLDER]

A platform of its own in a temporary folder: embedded database, web server, worker, all as `python3 DIYML.py` starts
them. The archive is a ZIP in the YOLO layout, JPEG files of noise, each another. The bare write is a loop over the same
files with the driver's own GridFS bucket and the durability that DIYML acknowledges with (w=majority, j=true); it
decodes and checks nothing. Both go into the same database server in the same run.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import os
import platform
import random
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import requests
from gridfs import GridFSBucket
from PIL import Image
from pymongo import MongoClient, WriteConcern

from launch.family import Family
from launch.serve import all_members
from settings import Settings

MEBIBYTE = 1024 * 1024
_PART_BYTES = 64 * MEBIBYTE
_SIDES = (190, 140)
_LOOK_SECONDS = 0.1
_BODY = "application/offset+octet-stream"


@dataclass
class Measured:
    """One import: seconds from its creation, and from its last byte, to its end; memory of the importing process."""

    whole_seconds: float
    import_seconds: float
    peak_bytes: int
    early_bytes: int


def noise(kilobytes: int) -> Callable[[int], bytes]:
    """Makes JPEG files of about this size, each another."""
    pixels = np.random.default_rng(0).integers(0, 256, (_SIDES[1], _SIDES[0], 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=85)
    image = stream.getvalue()
    padding = max(0, kilobytes * 1024 - len(image) - 8)
    # What follows the picture is no part of it, and makes each file another.
    return lambda number: image + random.Random(number).randbytes(padding) + number.to_bytes(8, "big")


def write_archive(path: Path, images: int, make: Callable[[int], bytes]) -> None:
    """A YOLO dataset, stored as it is, since JPEG files do not get smaller."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("data.yaml", "train: images/train\nnames:\n  0: cell\n")
        for number in range(images):
            archive.writestr(f"images/train/{number:06}.jpg", make(number))
            archive.writestr(f"labels/train/{number:06}.txt", "0 0.5 0.5 0.25 0.25\n0 0.25 0.25 0.1 0.1\n")


def write_bare(uri: str, images: int, make: Callable[[int], bytes]) -> float:
    """Seconds for the same files, one after the other."""
    client: MongoClient[dict[str, Any]] = MongoClient(uri, w="majority", journal=True)
    bucket = GridFSBucket(client["bare"], write_concern=WriteConcern(w="majority", j=True))
    bucket.upload_from_stream("warm-up", make(0))
    contents = [make(number) for number in range(images)]
    began = time.perf_counter()
    for number, content in enumerate(contents):
        bucket.upload_from_stream(f"{number:06}.jpg", content)
    seconds = time.perf_counter() - began
    client.drop_database("bare")
    client.close()
    return seconds


class Site:
    """The platform as a user meets it."""

    def __init__(self, settings: Settings):
        self._url = f"http://127.0.0.1:{settings.port}"
        sent = {"username": "ada", "password": "correct horse"}
        token = requests.put(f"{self._url}/auth", json=sent, timeout=30).json()["api_token"]
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"

    def project(self, name: str) -> None:
        """Make a detection project."""
        sent = {"project_name": name, "project_type": "detection"}
        self._call("PUT", "/upload/project", json={**sent, "api_token": self._session.headers["Authorization"][7:]})

    def run(self, project: str, path: Path) -> Measured:
        """Import an archive."""
        began = time.perf_counter()
        created = self._call("POST", f"/api/v1/projects/{project}/imports", json={"size": path.stat().st_size}).json()
        for offset, part in _parts(path):
            headers = {"Upload-Offset": str(offset), "Content-Type": _BODY}
            self._call("PATCH", created["upload_url"], data=part, headers=headers)
        uploaded = time.perf_counter()
        watch = Watch()
        while (record := self._call("GET", f"/api/v1/imports/{created['id']}").json())["finished_at"] is None:
            time.sleep(_LOOK_SECONDS)  # Nobody tells when an import has ended.
        ended = time.perf_counter()
        watch.stop()
        if record["state"] != "succeeded" or record["counts"]["failed"]:
            raise SystemExit(f"the import did not succeed: {record}")
        return Measured(ended - began, ended - uploaded, watch.peak, watch.early)

    def _call(self, method: str, path: str, **more: Any) -> requests.Response:
        response = self._session.request(method, self._url + path, timeout=300, **more)
        response.raise_for_status()
        return response


class Watch:
    """Memory of the process that imports, looked at ten times a second.

    Attributes:
        early: the highest in its first two seconds.
        peak: the highest of all.
    """

    def __init__(self) -> None:
        self.early = self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        began = time.perf_counter()
        while not self._stop.wait(_LOOK_SECONDS):
            self.peak = max(self.peak, _importer_bytes())
            if time.perf_counter() - began < 2:
                self.early = self.peak

    def stop(self) -> None:
        """No more."""
        self._stop.set()
        self._thread.join()


def _importer_bytes() -> int:
    found = 0
    for process in psutil.Process().children(recursive=True):
        try:
            if "training.worker.importing" in process.cmdline():
                found = max(found, process.memory_info().rss)
        except psutil.Error:
            continue
    return found


def _parts(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as source:
        while part := source.read(_PART_BYTES):
            yield source.tell() - len(part), part


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--kilobytes", type=int, default=20)
    parser.add_argument("--memory-images", type=int, default=20_000, help="of a second import, for its memory; 0: none")
    parser.add_argument("--folder", type=Path, help="for data and archives; without it, a temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        _measure(Path(name), arguments)


def _measure(folder: Path, arguments: argparse.Namespace) -> None:
    make, port = noise(arguments.kilobytes), 20_000 + os.getpid() % 10_000
    size = len(make(0)) / 1024
    print(f"{arguments.images:,} images of {size:.1f} KiB, {os.cpu_count()} cores, {platform.processor()}")
    settings = dataclasses.replace(Settings.from_environment(), data_dir=folder / "data", port=port)
    settings, members = all_members(settings)
    family = Family(members, say=print)
    try:
        family.start()
        site = Site(settings)
        _warm_up(site, folder, make)
        archive = folder / "images.zip"
        write_archive(archive, arguments.images, make)
        bare = write_bare(settings.mongo_uri, arguments.images, make)
        site.project("cells")
        ours = site.run("cells", archive)
        _tell("bare GridFS", arguments.images, bare, bare)
        _tell("import, from its last byte", arguments.images, ours.import_seconds, bare)
        _tell("import with its upload", arguments.images, ours.whole_seconds, bare)
        _tell_memory(arguments.images, ours)
        if arguments.memory_images:
            write_archive(archive, arguments.memory_images, make)
            site.project("more cells")
            _tell_memory(arguments.memory_images, site.run("more cells", archive))
    finally:
        family.stop()


def _warm_up(site: Site, folder: Path, make: Callable[[int], bytes]) -> None:
    """The process that imports starts with the first archive."""
    write_archive(folder / "warm.zip", 50, make)
    site.project("warm")
    site.run("warm", folder / "warm.zip")


def _tell(what: str, images: int, seconds: float, bare: float) -> None:
    print(f"{what:32} {seconds:7.1f} s {images / seconds:7.0f} images/s   {bare / seconds:5.2f} of bare")


def _tell_memory(images: int, measured: Measured) -> None:
    early, peak = measured.early_bytes / MEBIBYTE, measured.peak_bytes / MEBIBYTE
    print(f"memory, {images:,} images: {early:.0f} MiB at first, {peak:.0f} MiB at its highest")


if __name__ == "__main__":
    main()
