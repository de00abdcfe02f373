"""What a worker finds when the one before it was ended between writing answers down and publishing them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.watching import Watcher
from settings import Settings
from streams.connecting import connection
from streams.intake import Intake
from streams.models import ServingModel
from streams.run import Run
from tests.streams.line import StreamLine, judged_at_once, row
from training.broker import broker_url
from utils import ChangedMeanwhile, Unavailable


@pytest.fixture
def line(mongo_uri: str, tmp_path: Path) -> Iterator[StreamLine]:
    line = StreamLine(Settings(mongo_uri=mongo_uri, bcrypt_rounds=4), tmp_path)
    yield line
    line.close()


class Cut(Exception):
    """The worker ends here."""


class CutIntake(Intake):
    """Does not come to the publication."""

    def commit(self, messages: list[Any], mark: dict[str, Any]) -> None:
        raise Cut


def follow(line: StreamLine, intake: Intake, rows: int) -> Run:
    """Follow until so many rows were judged; the queue is empty then, or the worker has ended."""
    serving = ServingModel(line.store, line.project.id).current()
    with intake:
        run = Run(line.store, line.stream, intake, Watcher(line.store, line.settings))
        intake.begin()
        for _ in range(20):
            run.step(serving)
            if run.line.counts.rows >= rows:
                run.step(serving)
                break
        run.close()
    return run


def scores(results: list[Any]) -> list[float]:
    return [item["score"] for message in results for item in json.loads(message.body)["rows"]]


def test_what_was_judged_and_not_published_is_answered_once_out_of_what_was_written_down(line: StreamLine):
    line.send_rows(0, 4)
    for _ in range(2):
        line.send(row(4))  # of no id, and equal
    line.send({"heat": 1}, "bad")
    with pytest.raises(Cut):
        follow(line, CutIntake(line.settings, line.stream), 6)
    assert line.received() == []
    line.send_rows(6, 8)
    run = follow(line, Intake(line.settings, line.stream), 8)
    expected = [row(0), row(1), row(2), row(3), row(4), row(4), row(6), row(7)]
    assert scores(line.received()) == pytest.approx(judged_at_once(expected))
    assert [message.properties["message_id"] for message in line.received(line.stream.dead_queue)] == ["bad"]
    assert (run.line.counts.messages, run.line.counts.dead) == (9, 1)
    marks = [json.loads(message.body) for message in line.received(line.stream.mark_queue)]
    assert [(mark["number"], mark["open"]) for mark in marks] == [(run.line.number, {})]


def test_rows_of_a_batch_that_a_killed_database_has_forgotten_are_judged_anew_from_the_state_before_it(
    line: StreamLine, monkeypatch: pytest.MonkeyPatch
):
    """Without RabbitMQ a batch need not be in the journal before its answers are."""
    publish = Intake.commit
    forgotten: list[int] = []

    def commit(intake: Intake, messages: list[Any], mark: dict[str, Any]) -> None:
        if mark["number"] > 1 and not forgotten:
            forgotten.append(line.store.database["stream_batches"].delete_one({"number": mark["number"]}).deleted_count)
            raise Unavailable("the broker does not answer: it was killed")
        publish(intake, messages, mark)

    monkeypatch.setattr(Intake, "commit", commit)
    line.follow()
    line.send_rows(0, 3)
    found = line.results(3)
    line.send_rows(3, 12)
    found += line.results(9)
    assert forgotten == [1]
    judged = [item["score"] for result in found for item in result["rows"]]
    assert judged == pytest.approx(judged_at_once([row(number) for number in range(12)]))


def test_of_two_workers_that_believe_to_follow_a_stream_one_is_refused(line: StreamLine):
    line.send_rows(0, 2)
    serving = ServingModel(line.store, line.project.id).current()
    with Intake(line.settings, line.stream) as first, Intake(line.settings, line.stream) as second:
        runs = [Run(line.store, line.stream, intake, Watcher(line.store, line.settings)) for intake in (first, second)]
        first.begin()
        runs[0].step(serving)
        line.send_rows(2, 4)
        second.begin()
        with pytest.raises(ChangedMeanwhile):
            runs[1].step(serving)
    run = follow(line, Intake(line.settings, line.stream), 4)
    assert run.line.counts.rows == 4
    assert scores(line.received()) == pytest.approx(judged_at_once([row(number) for number in range(4)]))


def test_the_newest_worker_gets_every_message_in_order_whatever_one_that_is_given_up_for_lost_still_fetches(
    line: StreamLine,
):
    with Intake(line.settings, line.stream) as lost, Intake(line.settings, line.stream) as newest:
        lost.begin()
        newest.begin()
        line.send_rows(0, 3)
        assert len(lost.fetch(5)) == 3  # it hung, and fetches once more before it notices
        line.send_rows(3, 6)
        fetched = newest.fetch(5)
        assert [message.properties["message_id"] for message in fetched] == [f"a-{number}" for number in range(6)]
        line.send_rows(6, 8)
        assert [message.properties["message_id"] for message in newest.fetch(5)] == ["a-6", "a-7"]


def test_what_comes_again_after_its_answer_was_published_is_a_duplicate_for_the_next_worker_too(line: StreamLine):
    line.send_rows(0, 3)
    follow(line, Intake(line.settings, line.stream), 3)
    assert len(line.received()) == 3
    line.send_rows(1, 4)
    run = follow(line, Intake(line.settings, line.stream), 4)
    assert len(line.received()) == 1
    assert (run.line.counts.rows, run.line.counts.duplicates) == (4, 2)


def duplicates(line: StreamLine) -> int:
    last = line.store.stream_batches.last(line.stream.id)
    return last.counts.duplicates if last else 0


def test_duplicates_are_counted_in_one_batch_with_what_is_new_and_in_one_without(line: StreamLine):
    for _ in range(3):
        line.send_rows(0, 2)
    follow(line, Intake(line.settings, line.stream), 2)
    assert duplicates(line) == 4
    line.send_rows(0, 2)
    run = follow(line, Intake(line.settings, line.stream), 2)
    assert duplicates(line) == run.line.counts.duplicates == 6
    assert len(line.received()) == 2


def test_duplicates_that_are_sent_by_our_transport_while_the_first_of_them_waits_are_counted_too(line: StreamLine):
    with connection(line.settings, sends=True) as broker:
        for number in (0, 0, 1):
            broker.Producer().publish(row(number), routing_key=line.stream.queue, message_id=f"a-{number}")
    follow(line, Intake(line.settings, line.stream), 2)
    assert duplicates(line) == 1
    assert scores(line.received()) == pytest.approx(judged_at_once([row(0), row(1)]))


OLDER: dict[str, Callable[[bytes], bytes]] = {
    "of another version": lambda state: bytes([state[0] - 1]) + state[1:],
    "shorter": lambda state: state[:-8],
    "nothing of it": lambda state: b"",
}


@pytest.mark.parametrize("older", OLDER)
def test_a_state_of_an_older_layout_begins_anew(line: StreamLine, older: str):
    line.send_rows(0, 6)
    follow(line, Intake(line.settings, line.stream), 6)
    before = line.store.stream_states.load(line.stream.id, ["a"])["a"]
    line.store.stream_states.save(line.stream.id, line.project.id, {"a": OLDER[older](before)}, 1_000)
    line.received()
    line.send_rows(6, 10)
    run = follow(line, Intake(line.settings, line.stream), 10)
    results = [json.loads(message.body) for message in line.received()]
    assert [item["warming_up"] for result in results for item in result["rows"]] == [True, True, False, False]
    found = [item["score"] for result in results for item in result["rows"]]
    assert found == pytest.approx(judged_at_once([row(number) for number in range(6, 10)]))
    assert run.line.counts.dead == 0


def test_batches_that_are_old_go_and_what_sensors_remember_stays(line: StreamLine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("streams.line.KEPT_ROWS", 4)
    for number in range(0, 12, 2):
        line.send_rows(number, number + 2)
        follow(line, Intake(line.settings, line.stream), number + 2)
    kept = line.store.stream_batches.after(line.stream.id, 0)
    assert [batch.counts.rows for batch in kept] == [8, 10, 12]
    assert scores(line.received()) == pytest.approx(judged_at_once([row(number) for number in range(12)]))


def test_states_of_more_keys_than_are_kept_at_once_are_kept_bit_by_bit(
    line: StreamLine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("streams.merging._AT_ONCE", 2)
    machines = [f"m{number}" for number in range(5)]
    serving = ServingModel(line.store, line.project.id).current()
    with Intake(line.settings, line.stream) as intake:
        run = Run(line.store, line.stream, intake, Watcher(line.store, line.settings))
        intake.begin()
        kept = []
        for number in range(4):
            line.send([row(number, machine) for machine in machines])
            run.step(serving)
            kept.append(len(line.store.stream_states.keys(line.stream.id)))
            merged = line.store.streams.get(line.project.id).merged
            assert (merged > 0) == (kept[-1] == len(machines))
    assert kept == [2, 4, 5, 5]
    # This worker has ended without keeping the rest.
    line.send([row(4, machine) for machine in machines])
    follow(line, Intake(line.settings, line.stream), 25)
    results = [json.loads(message.body)["rows"] for message in line.received()]
    for machine in machines:
        found = [item["score"] for rows in results for item in rows if item["key"] == machine]
        assert found == pytest.approx(judged_at_once([row(number) for number in range(5)]))


def test_only_a_broker_in_our_own_database_makes_batches_last(line: StreamLine):
    assert Intake(line.settings, line.stream).shares_journal is False  # nothing is known before it is open
    with Intake(line.settings, line.stream) as intake:
        assert intake.shares_journal
    named = dataclasses.replace(line.settings, broker_url=broker_url(line.settings))
    with Intake(named, line.stream) as intake:
        assert not intake.shares_journal
