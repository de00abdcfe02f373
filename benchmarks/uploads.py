"""What does it cost to upload an image? Beside a bare write of the same bytes into GridFS, as durable.

    python -m benchmarks.uploads [--seconds 8] [--rounds 3] [--clients 1 8] [--side 640]

Each client is a process that uploads one image after the other, over HTTP to `python3 DIYML.py`, or straight into the
same MongoDB (`w=majority, j=true`). An upload is checked, decoded once, stored and indexed; a bare write is none of
that. Both take turns, round by round; each figure is the median of the rounds, without the first second of each.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import platform
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gridfs import GridFSBucket
from PIL import Image

from benchmarks.serving.platform import Platform, open_store, running
from benchmarks.serving.program import HOST
from benchmarks.serving.statistics import median, percentile, ratio

_WARM_UP_SECONDS = 1.0
_IMAGES = 16


@dataclass(frozen=True)
class Target:
    """Where a client writes to: over HTTP when it has a token, else straight into the database of the folder."""

    folder: Path
    port: int
    path: str
    token: str = ""


@dataclass(frozen=True)
class Figures:
    """Of one round."""

    per_second: float
    mb_per_second: float
    p50_ms: float
    p95_ms: float


def pictures(side: int) -> list[bytes]:
    """JPEG files as cameras make them: smooth, with some noise."""
    files = []
    for seed in range(_IMAGES):
        odds = np.random.default_rng(seed)
        coarse = Image.fromarray(odds.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((side, side * 3 // 4), Image.Resampling.BICUBIC), dtype=np.int16)
        noisy = np.clip(smooth + odds.integers(-14, 15, smooth.shape), 0, 255).astype(np.uint8)
        stream = io.BytesIO()
        Image.fromarray(noisy).save(stream, "JPEG", quality=90)
        files.append(stream.getvalue())
    return files


def client(target: Target, files: list[bytes], seconds: float) -> list[tuple[float, int]]:
    """Upload for so long; gives the time that each upload took after the warm-up, and its bytes."""
    write = _over_http(target) if target.token else _into_gridfs(target)
    done, number = [], 0
    began = time.monotonic()
    while time.monotonic() - began < _WARM_UP_SECONDS + seconds:
        content = files[number % len(files)]
        start = time.monotonic()
        write(content)
        if start - began >= _WARM_UP_SECONDS:
            done.append((time.monotonic() - start, len(content)))
        number += 1
    return done


def _over_http(target: Target) -> Callable[[bytes], None]:
    connection = http.client.HTTPConnection(HOST, target.port, timeout=60)
    headers = {"Authorization": f"Bearer {target.token}", "Content-Type": "image/jpeg"}

    def write(content: bytes) -> None:
        connection.request("PUT", f"{target.path}/{secrets.token_hex(8)}.jpg/file", content, headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"an upload failed: {answer.status} {body[:200]!r}")

    return write


def _into_gridfs(target: Target) -> Callable[[bytes], None]:
    bucket = GridFSBucket(open_store(target.folder).database, "bare", chunk_size_bytes=1024 * 1024)

    def write(content: bytes) -> None:
        bucket.upload_from_stream(f"{secrets.token_hex(8)}.jpg", content)

    return write


def measured(target: Target, files: list[bytes], clients: int, seconds: float) -> Figures:
    """One round."""
    with ProcessPoolExecutor(clients) as pool:
        runs = list(pool.map(client, [target] * clients, [files] * clients, [seconds] * clients))
    done = [upload for run in runs for upload in run]
    times_ms = [took * 1000 for took, _ in done]
    bytes_in_all = sum(size for _, size in done)
    return Figures(
        len(done) / seconds, bytes_in_all / seconds / 1e6, percentile(times_ms, 0.5), percentile(times_ms, 0.95)
    )


def project_path(running: Platform) -> str:
    """The images of a new project."""
    name = f"uploads-{secrets.token_hex(4)}"
    owner = running.store.users.find(running.users[0])
    assert owner
    return f"/api/v1/projects/{running.store.projects.create(owner, name, 'detection').id}/images"


def compare(running: Platform, arguments: argparse.Namespace) -> None:
    """Print a line for each number of clients."""
    files = pictures(arguments.side)
    size = sum(map(len, files)) / len(files)
    print(f"images of {size / 1000:.0f} kB, {arguments.side} x {arguments.side * 3 // 4} px", flush=True)
    ours = Target(running.folder, running.port, project_path(running), running.tokens[0])
    bare = Target(running.folder, running.port, "")
    for clients in arguments.clients:
        rounds: dict[Target, list[Figures]] = {ours: [], bare: []}
        for _ in range(arguments.rounds):
            for target, figures in rounds.items():
                figures.append(measured(target, files, clients, arguments.seconds))
        for name, target in (("DIYML", ours), ("GridFS", bare)):
            print(f"{clients:>3} clients  {name:<7} {_line(rounds[target])}", flush=True)
        share = ratio(*(median([f.per_second for f in rounds[target]]) for target in (ours, bare)))
        print(f"{clients:>3} clients  ratio   {share:.2f}", flush=True)


def _line(rounds: list[Figures]) -> str:
    of = {name: median([getattr(figures, name) for figures in rounds]) for name in vars(rounds[0])}
    return (
        f"{of['per_second']:7.1f} images/s  {of['mb_per_second']:6.1f} MB/s  "
        f"p50 {of['p50_ms']:6.1f} ms  p95 {of['p95_ms']:6.1f} ms"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--side", type=int, default=640)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("command: python -m benchmarks.uploads", json.dumps(sys.argv[1:]))
    with tempfile.TemporaryDirectory(prefix="diyml-uploads-") as folder, running(Path(folder), users=1) as platform_:
        compare(platform_, arguments)


if __name__ == "__main__":
    main()
