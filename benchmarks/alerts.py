"""How many judged rows a second do alert rules look at, and what becomes of 1,000 keys that fail together?

    python -m benchmarks.alerts [--keys 1000] [--batches 5] [--rows 20]

Rows come in batches of 100 keys, as a stream brings them, to three rules. Beside each figure stands the bare write to
the same database that rows could not do without: one update of a document of the key's last rows.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from alerts.kinds import KINDS
from alerts.rows import pack, small
from alerts.telling import AlertTeller
from alerts.watching import Watcher
from inference.anomaly.judging import Judged
from launch.family import Family
from launch.members import mongod_member
from settings import Settings
from storage.mongod import EmbeddedMongod
from storage.projects import Project
from storage.store import Store

_KEYS_AT_ONCE = 100
_BEGIN = datetime(2026, 5, 4, tzinfo=timezone.utc)
_SENSORS = [f"sensor {number}" for number in range(8)]
_RULES: dict[str, dict[str, Any]] = {"score": {}, "rate": {"count": 10, "rows": 100}, "silence": {"seconds": 600}}


@contextmanager
def project_with_rules() -> Iterator[tuple[Settings, Store, Project]]:
    """On a MongoDB of its own, with a rule of each kind; mail is on."""
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data_dir=Path(name), bcrypt_rounds=4, smtp_host="127.0.0.1", mail_from="diyml@example.net")
        server = EmbeddedMongod(settings.data_dir)
        server.prepare()
        settings = dataclasses.replace(settings, mongo_uri=server.connection().uri)
        family = Family([mongod_member(server, settings)], say=_say)
        family.start()
        store = Store(settings)
        try:
            store.prepare()
            user = store.users.create("ada", b"correct horse")
            store.mailboxes.ask(user.id, "ada@example.org")
            store.mailboxes.confirm(user.id, str(store.mailboxes.new_code(user.id, "ada@example.org")))
            project = store.projects.create(user, "pumps", "anomaly")
            for kind, given in _RULES.items():
                parameters = KINDS[kind].parameters.model_validate(given).model_dump()
                fields = {"name": kind, "kind": kind, "parameters": parameters, "cooldown_seconds": 300.0}
                fields |= {"active": True, "webhooks": None, "mail": True, "webhook_picture": False}
                store.alert_rules.create(project, fields)
            yield settings, store, project
        finally:
            store.close()
            family.stop()


def _say(line: str) -> None:
    sys.stderr.write(line)


def rows(count: int, first: int, score: float) -> list[Judged]:
    """Judged rows, a second apart."""
    shares = dict.fromkeys(_SENSORS, 1 / len(_SENSORS))
    values: dict[str, float | None] = dict.fromkeys(_SENSORS, score)
    times = (_BEGIN + timedelta(seconds=first + number) for number in range(count))
    return [Judged(score, score > 1, shares, values, at.isoformat(), False) for at in times]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--keys", type=int, default=1_000)
    parser.add_argument("--batches", type=int, default=5)
    parser.add_argument("--rows", type=int, default=20)
    wish = parser.parse_args()
    keys = [f"machine {number}" for number in range(wish.keys)]
    print(f"python -m benchmarks.alerts {' '.join(sys.argv[1:])}")
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with project_with_rules() as (settings, store, project):
        watcher = Watcher(store, settings)
        bare = store.database["bare"]
        for name, score in (("usual rows", 0.5), ("rows that open incidents", 2.0)):
            batches = 1 if score > 1 else wish.batches
            made = [
                rows(wish.rows, (number + (score > 1) * wish.batches) * wish.rows, score) for number in range(batches)
            ]
            began = time.perf_counter()
            for some in made:
                for key in keys:
                    bare.update_one({"_id": key}, {"$set": {"rows": pack([small(row) for row in some])}}, upsert=True)
            middle = time.perf_counter()
            for some in made:
                for start in range(0, len(keys), _KEYS_AT_ONCE):
                    watcher.observe_all(project.id, dict.fromkeys(keys[start : start + _KEYS_AT_ONCE], some))
            ours = time.perf_counter() - middle
            count = batches * wish.rows * wish.keys
            print(
                f"{name:26s} {count / ours:8,.0f} rows/s, bare update {count / (middle - began):8,.0f} rows/s",
                flush=True,
            )
        found = store.database["alert_incidents"].count_documents({})
        print(f"{found:,} incidents, {wish.keys / ours:,.0f} keys/s")
        began = time.perf_counter()
        AlertTeller(store, settings).tell_all()
        print(f"drawn and told: {found / (time.perf_counter() - began):,.1f} incidents/s")
        lane = store.mail_lanes.claim(60)
        first = store.deliveries.take(lane) if lane else None
        print(f"the first mail has {1 + store.deliveries.sent_with(first, 0)[1] if first else 0:,} incidents")


if __name__ == "__main__":
    main()
