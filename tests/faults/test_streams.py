"""A worker of a stream, or its database, is killed or frozen over and over, while rows come."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from settings import Settings
from tests.conftest import Mongod
from tests.faults.runs import Run
from tests.streams.kills import freeze_at_random, kill_at_random, kill_the_database_at_random
from tests.streams.line import StreamLine

pytestmark = pytest.mark.long
KILLS = 20
FREEZES = 3


@pytest.mark.parametrize("broker_url", ["mongodb", "rabbitmq"], indirect=True)
def test_of_a_stream_whose_workers_are_killed_no_row_is_lost_and_none_is_answered_twice(
    mongo_uri: str, broker_url: str, tmp_path: Path, run: Run
) -> None:
    with closing(StreamLine(Settings(mongo_uri=mongo_uri, broker_url=broker_url, bcrypt_rounds=4), tmp_path)) as line:
        kill_at_random(line, KILLS, run.random)
        run.tell(f"{KILLS} kills: every row was judged once, in order, and answered once")


@pytest.mark.parametrize("broker_url", ["mongodb", "rabbitmq"], indirect=True)
def test_of_a_stream_whose_database_is_killed_no_row_is_lost_and_none_is_answered_twice(
    mortal_mongod: Mongod, broker_url: str, tmp_path: Path, run: Run
) -> None:
    settings = Settings(mongo_uri=mortal_mongod.uri, broker_url=broker_url, bcrypt_rounds=4)
    kills = run.sized(KILLS, least=2)
    with closing(StreamLine(settings, tmp_path)) as line:
        rows = kill_the_database_at_random(line, mortal_mongod, kills, run.random)
        run.tell(f"{kills} kills of mongod: each of {rows:,} rows was judged once, in order, and answered once")


@pytest.mark.parametrize("broker_url", ["mongodb", "rabbitmq"], indirect=True)
def test_of_a_stream_whose_workers_hang_no_row_is_lost_and_none_is_answered_twice(
    mongo_uri: str, broker_url: str, tmp_path: Path, run: Run
) -> None:
    freezes = run.sized(FREEZES)
    with closing(StreamLine(Settings(mongo_uri=mongo_uri, broker_url=broker_url, bcrypt_rounds=4), tmp_path)) as line:
        rows = freeze_at_random(line, freezes, run.random)
        run.tell(f"{freezes} workers hung: each of {rows:,} rows was judged once, in order, and answered once")
