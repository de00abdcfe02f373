"""The web server killed in the middle of large uploads, and the sweeper after it."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest

from storage.store import Store
from storage.sweeper import sweep
from tests.conftest import wait_until
from tests.faults.conftest import Platform, end, free_port
from tests.faults.invariants import check, orphans
from tests.faults.runs import Run
from tests.faults.slow import SlowUpload, bitmap

pytestmark = pytest.mark.long

UPLOADS = 50
IMAGE_BYTES = 64 * 1024 * 1024
SLOWEST_SECONDS = 20
GRACE = timedelta(seconds=10)


@pytest.fixture
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that takes images of 64 MiB, in base64 as the contract sends them."""
    platform = Platform(tmp_path_factory.mktemp("roomy"), free_port(), {"DIYML_MAX_REQUEST_BYTES": str(100_000_000)})
    platform.start()
    platform.prepare()
    yield platform
    end(platform)


def test_uploads_cut_by_a_kill_of_the_web_server_are_whole_or_not_there(roomy: Platform, run: Run) -> None:
    store = roomy.store()
    size = round(IMAGE_BYTES * min(1.0, run.scale * 2))
    uploads = [SlowUpload(roomy, f"large{number}", bitmap(size, number)) for number in range(run.sized(UPLOADS, 8))]
    haste, chance = threading.Event(), random.Random(run.random.random())
    with ThreadPoolExecutor(len(uploads)) as pool:
        done = [pool.submit(upload.run, chance.uniform(0, SLOWEST_SECONDS), haste) for upload in uploads]
        acknowledged = run.random.randrange(len(uploads) // 4)
        wait_until(lambda: _is_writing(store) and _count(done) >= acknowledged, 300, every=0.005)
        roomy.kill("launch.web")
        killed = time.monotonic()
        haste.set()
    wait_until(roomy.is_ready, 60)
    stored = roomy.whole_images()
    for upload in uploads:
        assert stored.get(upload.name) in (None, upload.sha256), f"{upload.name} is half there"
        assert upload.status != 200 or stored.get(upload.name) == upload.sha256, f"{upload.name} was acknowledged"
    answers = Counter(upload.status for upload in uploads)
    left = orphans(store)["images"]
    run.tell(
        f"web killed in {len(uploads)} uploads of {size / 2**20:.0f} MiB: {answers[200]} acknowledged, "
        f"{len(uploads) - answers[200]} cut, 0 half visible, chunks of {left} files left over"
    )
    _sweep_beside_a_slow_upload(roomy, store, killed, size)
    run.tell(f"after the sweeper: chunks of {orphans(store)['images']} files left over, a slow upload unharmed")
    store.close()


def _is_writing(store: Store) -> bool:
    """Whether an upload has written some of its chunks and not all."""
    chunks = store.database["images.chunks"].distinct("files_id")
    return len(chunks) > store.database["images.files"].count_documents({})


def _count(done: list[Future[None]]) -> int:
    return sum(future.done() for future in done)


def _sweep_beside_a_slow_upload(platform: Platform, store: Store, killed: float, size: int) -> None:
    """Sweep again and again until what the kill left is old enough to go, while an upload trickles in."""
    slow = SlowUpload(platform, "slow", bitmap(size, 1_000_000))
    thread = threading.Thread(target=slow.run, args=(2 * GRACE.total_seconds(), threading.Event()))
    thread.start()

    def swept() -> bool:
        sweep(store, GRACE)
        return time.monotonic() > killed + GRACE.total_seconds() + 1 and not thread.is_alive()

    wait_until(swept, 300, every=0.2)
    assert slow.status == 200, slow.detail
    sweep(store, GRACE)
    assert not any(orphans(store).values()), orphans(store)
    check(store)
