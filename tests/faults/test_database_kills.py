"""The embedded mongod killed under uploads."""

from __future__ import annotations

import time

import pytest

from tests.conftest import wait_until
from tests.faults.conftest import Platform, Uploader
from tests.faults.invariants import sweep_and_check
from tests.faults.runs import Run

pytestmark = pytest.mark.long

KILLS = 10
OBJECTS = 10_000
UPLOADERS = 4
READY_SECONDS = 30


def test_no_acknowledged_object_is_lost_when_mongod_is_killed_under_uploads(platform: Platform, run: Run) -> None:
    uploaders = [Uploader(platform, f"object{number}") for number in range(UPLOADERS)]
    for uploader in uploaders:
        uploader.start()
    ready = [_seconds_until_ready(platform, run) for _ in range(run.sized(KILLS, least=2))]
    objects = run.sized(OBJECTS)
    wait_until(lambda: len(platform.acknowledged) >= objects, 900)
    for uploader in uploaders:
        uploader.end()
    stored = platform.whole_images()
    wrong = {name for name, sha256 in platform.acknowledged.items() if stored.get(name) != sha256}
    run.tell(
        f"mongod killed {len(ready)} times under {UPLOADERS} uploaders, ready again after at most {max(ready):.1f} s"
    )
    run.tell(f"{len(wrong)} of {len(platform.acknowledged):,} acknowledged objects missing or changed")
    assert not wrong
    assert max(ready) <= READY_SECONDS
    store = platform.store()
    sweep_and_check(store)
    store.close()


def _seconds_until_ready(platform: Platform, run: Run) -> float:
    """Kill mongod after a while of uploads; seconds until the platform is ready and takes an upload again."""
    before = len(platform.acknowledged)
    wait_until(lambda: len(platform.acknowledged) > before + 20, 60)
    run.wait(1, 8)
    platform.kill("mongod")
    killed = time.monotonic()
    wait_until(platform.is_ready, 120)
    return time.monotonic() - killed
