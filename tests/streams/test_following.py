from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from settings import Settings
from tests.cluster.rabbitmq import MISSING, SERVER, RabbitMQ
from tests.conftest import Mongod, wait_until
from tests.streams.kills import kill_at_random, kill_the_database_at_random, scores
from tests.streams.line import StreamLine, judged_at_once, row
from tests.streams.models import serve_sum_model

Make = Callable[..., StreamLine]


@pytest.fixture(scope="module", params=["mongodb", "rabbitmq"])
def settings(
    request: pytest.FixtureRequest, mongo_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """On each of the brokers."""
    if request.param == "mongodb":
        yield Settings(mongo_uri=mongo_uri, bcrypt_rounds=4)
        return
    if SERVER is None:
        pytest.skip(MISSING)
    node = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    try:
        node.start()
        yield Settings(mongo_uri=mongo_uri, bcrypt_rounds=4, broker_url=node.url)
    finally:
        node.stop()


@pytest.fixture
def make(settings: Settings, tmp_path: Path) -> Iterator[Make]:
    lines: list[StreamLine] = []

    def made(**wish: Any) -> StreamLine:
        lines.append(StreamLine(settings, tmp_path, **wish))
        return lines[-1]

    yield made
    for line in lines:
        line.close()


def test_rows_are_judged_in_order_with_a_state_for_each_key(make: Make):
    line = make()
    line.follow()
    for number in range(20):
        line.send([row(number, "a"), row(number, "b")], f"m-{number}")
    results = line.results(20)
    assert [result["message_id"] for result in results] == [f"m-{number}" for number in range(20)]
    expected = judged_at_once([row(number) for number in range(20)])
    for machine in "ab":
        assert scores(results, machine) == pytest.approx(expected, abs=1e-12)
    first = results[0]["rows"][0]
    assert set(first) >= {"key", "score", "anomaly", "contributions", "values", "at", "change_point", "warming_up"}
    assert [item["rows"][0]["warming_up"] for item in results[:4]] == [True, True, False, False]


def test_a_message_that_cannot_be_judged_goes_to_the_dead_letters_with_the_reason_and_holds_up_nobody(make: Make):
    line = make()
    line.follow()
    line.send(row(0), "good-0")
    line.send("{not json", "bad-0", raw=True)
    line.send([row(1), {"machine": "a", "heat": "warm"}], "bad-1")
    line.send({"heat": 1.0}, "bad-2")
    line.send([], "bad-3")
    line.send({"machine": {"id": 7}, "heat": 1.0}, "bad-4")
    line.send({"machine": ["a", "é"], "heat": 1.0}, "bad-5")
    line.send(row(1), "good-1")
    results = line.results(2)
    assert scores(results) == pytest.approx(judged_at_once([row(0), row(1)]))
    dead = wait_until(lambda: (letters := line.received(line.stream.dead_queue)) and letters, 30)
    assert [letter.properties["message_id"] for letter in dead] == [f"bad-{number}" for number in range(6)]
    reasons = [letter.headers["x-reason"] for letter in dead]
    assert "JSON" in reasons[0]
    assert "row 2" in reasons[1]
    assert "heat" in reasons[1]
    assert "machine: missing" in reasons[2]
    assert "without rows" in reasons[3]
    wanted = "machine: must be text or a number, since it tells which sensor the row is of; got"
    assert f'{wanted} an object: {{"id": 7}}' in reasons[4]
    assert f'{wanted} a list: ["a", "é"]' in reasons[5]
    kept = list(line.store.stream_letters.list_of(line.project.id, 10, None))
    assert {letter.message_id for letter in kept} == {f"bad-{number}" for number in range(6)}


def test_a_message_that_comes_twice_is_judged_once_and_one_without_an_id_each_time(make: Make):
    line = make(id_field="n")
    line.follow()
    for _ in range(3):
        line.send(row(1), "same")
        line.send({**row(2), "n": 7})
    line.results(2)
    line.send(row(3))
    line.send(row(3))
    line.send(row(4), "last")
    results = line.results(3)
    assert len(results) == 3
    wait_until(lambda: line.store.stream_batches.last(line.stream.id).counts.rows == 5, 30)
    assert line.received() == []


def test_a_new_model_is_taken_up_without_losing_rows_and_begins_anew(make: Make):
    line = make()
    line.follow()
    line.send_rows(0, 10)
    before = line.results(10)
    model = serve_sum_model(line.store, line.project, factor=2.0)
    time_out = time.monotonic() + 60
    after: list[dict[str, Any]] = []
    number = 10
    while not [result for result in after if result["model"]["id"] == str(model.id)]:
        assert time.monotonic() < time_out
        line.send_rows(number, number + 1)
        after += line.results(1)
        number += 1
    line.send_rows(number, number + 5)
    after += line.results(5)
    assert [result["message_id"] for result in before + after] == [f"a-{n}" for n in range(number + 5)]
    new = [result for result in after if result["model"]["id"] == str(model.id)]
    rows = [row(int(result["message_id"][2:])) for result in new]
    assert scores(new) == pytest.approx(judged_at_once(rows, 2.0))
    assert [result["rows"][0]["warming_up"] for result in new[:3]] == [True, True, False]


def test_of_two_workers_one_dies_and_states_go_on(make: Make):
    line = make()
    first = line.start()
    line.send_rows(0, 30)
    results = line.results(30)
    second = line.start()
    line.send_rows(30, 45)
    results += line.results(15)
    first.kill()
    line.send_rows(45, 60)
    results += line.results(15)
    assert scores(results) == pytest.approx(judged_at_once([row(n) for n in range(60)]))
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 0
    line.start()
    line.send_rows(60, 70)
    results += line.results(10)
    assert scores(results) == pytest.approx(judged_at_once([row(n) for n in range(70)]))


def test_rows_wait_while_there_is_no_model_and_the_stream_says_so(make: Make):
    line = make(has_model=False)
    line.follow()
    line.send_rows(0, 3)
    wait_until(lambda: "no model" in (line.store.streams.get(line.project.id).error or ""), 30)
    serve_sum_model(line.store, line.project)
    assert len(line.results(3)) == 3
    wait_until(lambda: line.store.streams.get(line.project.id).error is None, 30)


@pytest.mark.parametrize("kills", [3])
def test_whenever_workers_are_killed_no_row_is_lost_and_none_is_answered_twice(make: Make, kills: int):
    kill_at_random(make(), kills, random.Random(7))


def test_when_the_database_is_killed_and_its_broker_with_it_no_row_is_lost_and_none_is_answered_twice(
    mortal_mongod: Mongod, tmp_path: Path
):
    with closing(StreamLine(Settings(mongo_uri=mortal_mongod.uri, bcrypt_rounds=4), tmp_path)) as line:
        kill_the_database_at_random(line, mortal_mongod, 1, random.Random(7))
