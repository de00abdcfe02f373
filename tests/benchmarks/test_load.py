"""The load generator counts what a server really does: answers, refusals, broken connections, times, arrivals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.serving.loads import Load, between, run
from benchmarks.serving.plan import UNANSWERED, Plan
from tests.benchmarks.server import Reply, serving
from tests.conftest import wait_until


@pytest.fixture
def body(tmp_path: Path) -> str:
    path = tmp_path / "body"
    path.write_bytes(b"x" * 300_000)
    return str(path)


def plan(port: int, body: str, **more: Any) -> Plan:
    return Plan("127.0.0.1", port, ["/a"], [body], **{"seconds": 20.0, **more})


def test_each_caller_has_one_connection_and_sends_whole_bodies_with_his_own_token(body: str) -> None:
    with serving(lambda _: Reply(after_seconds=0.01)) as (port, seen):
        outcome = run(plan(port, body, callers=3, count=30, tokens=["one", "two", "three"]))
    assert outcome.status == [200] * 30
    assert seen.connections == 3
    assert all(len(arrived) == 300_000 for arrived in seen.bodies)
    assert all(sum(f"Bearer {token}\r\n" in head for head in seen.heads) >= 5 for token in ("one", "two", "three"))
    assert all(head.startswith("POST /a HTTP/1.1\r\n") for head in seen.heads)


def test_a_time_is_from_the_sending_to_the_end_of_the_answer(body: str) -> None:
    with serving(lambda _: Reply(after_seconds=0.05)) as (port, _):
        outcome = run(plan(port, body, count=10))
    assert all(0.05 <= seconds < 1 for seconds in outcome.seconds)
    assert outcome.begun == sorted(outcome.begun)
    assert all(b - a >= 0.05 for a, b in zip(outcome.begun, outcome.begun[1:], strict=False))


def test_a_refused_caller_comes_back_when_he_is_told_to_and_not_before(body: str) -> None:
    with serving(lambda number: Reply(status=503, retry_after=1) if number == 0 else Reply()) as (port, seen):
        outcome = run(plan(port, body, count=1, persist=True))
    assert outcome.status == [503, 200]
    assert outcome.begun[1] - outcome.begun[0] >= 1
    assert len(seen.heads) == 2


def test_connections_that_the_server_closes_or_breaks_are_told_apart(body: str) -> None:
    replies = [Reply(then_close=True), Reply(hang_up=True), Reply(status=404), Reply()]
    with serving(lambda number: replies[number]) as (port, seen):
        outcome = run(plan(port, body, count=4))
    assert outcome.status == [200, UNANSWERED, 404, 200]
    assert seen.connections == 3
    assert between(outcome, 0, 20).failed == 2


def test_where_nobody_listens_nothing_is_answered(body: str) -> None:
    with serving(lambda _: Reply()) as (port, _):
        pass
    outcome = run(plan(port, body, count=3, callers=3))
    assert outcome.status == [UNANSWERED] * 3


def test_in_an_open_loop_requests_come_by_the_clock_however_slow_the_answers_are(body: str) -> None:
    with serving(lambda _: Reply(after_seconds=0.5)) as (port, seen):
        outcome = run(plan(port, body, rate=40.0, seconds=1.0))
    assert len(outcome.status) == 40
    assert outcome.unsent == 0
    assert sorted(outcome.begun) == pytest.approx([number / 40 for number in range(40)])
    assert seen.connections > 10
    assert all(seconds >= 0.5 for seconds in outcome.seconds)


def test_arrivals_that_find_every_connection_taken_are_counted(body: str) -> None:
    with serving(lambda _: Reply(after_seconds=2)) as (port, seen):
        outcome = run(plan(port, body, rate=20.0, seconds=1.0, most_open=5))
    assert len(outcome.status) == seen.connections == 5
    assert outcome.unsent == 15


def test_answers_are_compared_without_the_time_they_took(body: str) -> None:
    said = [b'{"results": [1], "ms": 1}', b'{"ms": 2, "results": [1]}', b'{"results": [2], "ms": 1}']
    with serving(lambda number: Reply(body=said[number])) as (port, _):
        digests = run(plan(port, body, count=3, compare="results")).digests
    assert digests[0] == digests[1] != digests[2]


def test_a_load_that_is_stopped_tells_what_it_saw_until_then(body: str) -> None:
    with serving(lambda _: Reply(after_seconds=0.02)) as (port, seen):
        load = Load(plan(port, body, seconds=100.0))
        wait_until(lambda: len(seen.heads) >= 3)
        outcome = load.stop()
    assert outcome.status == [200] * len(seen.heads)
    assert outcome.wall_seconds < 50
