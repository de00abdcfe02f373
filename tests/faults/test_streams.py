"""A worker of a stream is killed over and over, while rows come."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings import Settings
from tests.faults.runs import Run
from tests.streams.line import StreamLine
from tests.streams.test_following import kill_at_random

pytestmark = pytest.mark.long
KILLS = 20


@pytest.mark.parametrize("broker_url", ["mongodb", "rabbitmq"], indirect=True)
def test_of_a_stream_whose_workers_are_killed_no_row_is_lost_and_none_is_answered_twice(
    mongo_uri: str, broker_url: str, tmp_path: Path, run: Run
) -> None:
    line = StreamLine(Settings(mongo_uri=mongo_uri, broker_url=broker_url, bcrypt_rounds=4), tmp_path)
    try:
        kill_at_random(line, KILLS, run.random)
        run.tell(f"{KILLS} kills: every row was judged once, in order, and answered once")
    finally:
        line.close()
