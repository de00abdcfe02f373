"""How long does a list of images take among a million? Beside what a plain query of the same collection takes.

    python -m benchmarks.listing [--images 1000000] [--projects 1000] [--requests 200]

A tenth of the images lies in one project, the rest evenly in the others. Lists of 20 are asked for over HTTP, by one
caller, each time of another project. The plain query is what one writes first with the driver: the filter as it stands,
sorted, by the index of project and name, in this process and without HTTP. At last the profiler tells which plans
answered.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import platform
import random
import re
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bson import ObjectId

from benchmarks.serving.platform import Platform, running
from benchmarks.serving.program import HOST
from benchmarks.serving.statistics import percentile, ratio
from storage.database import unhurried
from storage.image import LabelState
from storage.image_facets import EVERY, class_facet, split_facet, state_facet, tag_facet

_BATCH = 10_000
_CLASSES = 20
_TAGS = ("night", "rain", "blurred", "checked")
_LIMIT = 20
_WARM_UP = 3
Row = dict[str, Any]
# Each list: its query, and the same for the plain query.
LISTS: dict[str, tuple[Row, Row]] = {
    "all, by name": ({}, {}),
    "all, newest first": ({"sort": "-created_at"}, {}),
    "all, by size": ({"sort": "size"}, {}),
    "class, newest first": ({"class": "3", "sort": "-created_at"}, {"annotations.class_id": 3}),
    "two classes, by size": (
        {"class": ["3", "5"], "sort": "-size"},
        {"annotations.class_id": {"$in": [3, 5]}},
    ),
    "split, newest first": ({"split": "test", "sort": "-created_at"}, {"split": "test"}),
    "unlabelled, by name": ({"labelled": "false"}, {"annotations": []}),
    "tag, by size": ({"tag": "night", "sort": "size"}, {"tags": "night"}),
    "name begins with": ({"name": "img_07"}, {"name": {"$regex": "^img_07"}}),
    "name holds": ({"q": "9.jpg", "sort": "-created_at"}, {"name": {"$regex": re.escape("9.jpg")}}),
    "name holds, nothing": ({"q": "zzz"}, {"name": {"$regex": "zzz"}}),
    "size from, to": ({"min_size": 99_000, "max_size": 99_100}, {"size": {"$gte": 99_000, "$lte": 99_100}}),
    "width, newest first": ({"min_width": 1900, "sort": "-created_at"}, {"width": {"$gte": 1900}}),
    "class, tag, split": (
        {"class": "3", "tag": "rain", "split": "train", "sort": "-created_at"},
        {"annotations.class_id": 3, "tags": "rain", "split": "train"},
    ),
    "content": ({"sha256": f"{7:064x}"}, {"sha256": f"{7:064x}"}),
}


def fill(running: Platform, images: int, projects: int) -> list[ObjectId]:
    """Make projects and documents of images without files; gives the projects, the largest first."""
    owner = running.store.users.find(running.users[0])
    assert owner
    made = [running.store.projects.create(owner, f"list-{number}", "detection") for number in range(projects)]
    classes = tuple(f"class {number}" for number in range(_CLASSES))
    for project in made:
        running.store.projects.set_classes(project, classes)
    ids = [project.id for project in made]
    large = images // 10
    small = (images - large) // max(1, projects - 1)
    shares = [large, *[small] * (projects - 1)]
    rows = (_row(random.Random(n), id, n) for id, share in zip(ids, shares, strict=True) for n in range(share))
    collection = running.store.database["images"]
    began = time.monotonic()
    written = 0
    with unhurried():
        while batch := list(itertools.islice(rows, _BATCH)):
            collection.insert_many(batch, ordered=False)
            written += len(batch)
    print(f"{written:,} documents in {time.monotonic() - began:.0f} s", flush=True)
    return ids


def _row(odds: random.Random, project_id: ObjectId, number: int) -> Row:
    class_ids = odds.sample(range(_CLASSES), odds.choice([0, 1, 1, 2]))
    split, tags = odds.choice(["", "train", "train", "val", "test"]), odds.sample(_TAGS, odds.choice([0, 0, 1, 2]))
    state = LabelState.LABELLED if class_ids else LabelState.UNLABELLED
    now = datetime.now(timezone.utc) - timedelta(seconds=odds.randrange(10_000_000))
    box = {"box": [0.5, 0.5, 0.1, 0.1], "by_name": False, "numbers": "0.5 0.5 0.1 0.1"}
    return {
        "project_id": project_id,
        "name": f"img_{number:06}.jpg",
        "file_id": ObjectId(),
        "sha256": f"{number:064x}",
        "size": odds.randrange(20_000, 400_000),
        "format": "JPEG",
        "width": odds.randrange(320, 1921),
        "height": odds.randrange(240, 1081),
        "annotations": [{"class_id": class_id, **box} for class_id in class_ids],
        "background": False,
        "split": split,
        "tags": sorted(tags),
        "revision": 1,
        "created_at": now,
        "updated_at": now,
        "facets": [EVERY, split_facet(split), state_facet(state), *map(class_facet, class_ids), *map(tag_facet, tags)],
    }


class Caller:
    """Asks for lists over HTTP, one after the other."""

    def __init__(self, running: Platform):
        self._connection = http.client.HTTPConnection(HOST, running.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {running.tokens[0]}"}

    def get(self, project_id: ObjectId, query: Row) -> float:
        """Milliseconds that one list took."""
        began = time.monotonic()
        path = f"/api/v1/projects/{project_id}/images?{urlencode({'limit': _LIMIT, **query}, doseq=True)}"
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
        return (time.monotonic() - began) * 1000


def plain(running: Platform, project_id: ObjectId, query: Row, filter: Row) -> float:
    """Milliseconds that the plain query took."""
    sort = str(query.get("sort", "name"))
    began = time.monotonic()
    rows = running.store.database["images"].find({"project_id": project_id, **filter})
    order = [(sort.removeprefix("-"), -1 if sort.startswith("-") else 1)]
    list(rows.sort(order).limit(_LIMIT).hint([("project_id", 1), ("name", 1)]))
    return (time.monotonic() - began) * 1000


def compare(running: Platform, projects: list[ObjectId], requests: int) -> None:
    """Print a line for each list, of small projects and of the large one."""
    caller = Caller(running)
    for title, chosen, count in (
        ("small projects", projects[1:], requests),
        ("the large project", projects[:1], max(20, requests // 4)),
    ):
        print(f"{title:<24} {'p50 ms':>8} {'p95 ms':>8} {'plain p95':>10} {'ratio':>6}")
        for name, (query, filter) in LISTS.items():
            odds = random.Random(name)
            ours = [caller.get(odds.choice(chosen), query) for _ in range(count + _WARM_UP)][_WARM_UP:]
            bare = [plain(running, odds.choice(chosen), query, filter) for _ in range(count // 2 + _WARM_UP)]
            p50, p95, theirs = percentile(ours, 0.5), percentile(ours, 0.95), percentile(bare[_WARM_UP:], 0.95)
            print(f"  {name:<22} {p50:8.1f} {p95:8.1f} {theirs:10.1f} {ratio(p95, theirs):6.2f}", flush=True)


def plans(running: Platform, projects: list[ObjectId]) -> None:
    """Ask once for each list while the profiler looks, and print what it saw."""
    database, caller = running.store.database, Caller(running)
    database.command("profile", 2)
    try:
        for query, _ in LISTS.values():
            caller.get(projects[0], query)
        rows = list(database["system.profile"].find({"ns": f"{database.name}.images", "op": "query"}))
    finally:
        database.command("profile", 0)
    scans = [row for row in rows if "COLLSCAN" in row.get("planSummary", "")]
    most = max(row["docsExamined"] for row in rows)
    print(f"{len(rows)} queries, {len(scans)} of them scanned the collection; at most {most:,} documents read by one")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--projects", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=200)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("command: python -m benchmarks.listing", json.dumps(sys.argv[1:]))
    with tempfile.TemporaryDirectory(prefix="diyml-listing-") as folder, running(Path(folder), users=1) as platform_:
        projects = fill(platform_, arguments.images, arguments.projects)
        compare(platform_, projects, arguments.requests)
        plans(platform_, projects)


if __name__ == "__main__":
    main()
