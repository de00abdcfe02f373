"""Streams whose workers, or whose database, are killed or frozen over and over while rows come."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from typing import Any

import pytest

from streams.sending import Sender
from tests.conftest import Mongod, wait_until
from tests.streams.line import StreamLine, judged_at_once, row
from utils import TooManyRequests, Unavailable


def scores(results: list[dict[str, Any]], machine: str = "a") -> list[float]:
    """Of all rows of a machine, in order; no message may be answered twice."""
    ids = [result["message_id"] for result in results]
    assert len(ids) == len(set(ids)), "answered twice"
    return [item["score"] for result in results for item in result["rows"] if item["key"] == machine]


def _begun(line: StreamLine, before: int) -> None:
    wait_until(lambda: _number(line) > before, 60)


def kill_at_random(line: StreamLine, kills: int, moments: random.Random) -> None:
    """Send rows while worker after worker is killed."""
    results: list[dict[str, Any]] = []
    sent = 0
    for _ in range(kills):
        worker, before = line.start(), _number(line)
        line.send_rows(sent, sent + 20)
        sent += 20
        _begun(line, before)
        killer = threading.Timer(moments.random() * 0.5, worker.kill)
        killer.start()
        while killer.is_alive():
            line.send_rows(sent, sent + 1)
            sent += 1
        worker.wait()
        results += line.results(0)
    line.start()
    results += line.results(sent - len(results))
    assert line.received() == []
    assert scores(results) == pytest.approx(judged_at_once([row(number) for number in range(sent)]))


def _number(line: StreamLine) -> int:
    last = line.store.stream_batches.last(line.stream.id)
    return last.number if last else 0


class Insisting(threading.Thread):
    """Sends row after row, each until it is told that the row is there for good, as everybody should."""

    def __init__(self, line: StreamLine):
        super().__init__(daemon=True)
        self.sent = 0
        self._line = line
        self._sender = Sender(line.settings)
        self._ends = threading.Event()

    def run(self) -> None:
        while not self._ends.is_set():
            try:
                self._sender.send(self._line.stream, json.dumps(row(self.sent)), f"a-{self.sent}")
            except (Unavailable, TooManyRequests):
                self._ends.wait(0.1)
            else:
                self.sent += 1

    def end(self) -> int:
        """Stop; gives how many rows were sent."""
        self._ends.set()
        self.join(60)
        self._sender.close()
        return self.sent


def kill_the_database_at_random(line: StreamLine, mongod: Mongod, kills: int, moments: random.Random) -> int:
    """Send rows while the database is killed and started again, and one worker sees it all; gives how many rows."""
    sender = Insisting(line)
    worker = line.start()
    sender.start()
    for _ in range(kills):
        _begun(line, _number(line))
        time.sleep(moments.random())  # chance is what is waited for, not an event
        mongod.kill()
        mongod.start()
    sent = _all_is_right(line, sender)
    assert worker.poll() is None
    return sent


def freeze_at_random(line: StreamLine, freezes: int, moments: random.Random) -> int:
    """Send rows while whoever follows is frozen until another does, and goes on then as if nothing had been; gives
    how many rows.
    """
    sender = Insisting(line)
    for _ in range(2):
        line.start()
    sender.start()
    for _ in range(freezes):
        _begun(line, _number(line))
        time.sleep(moments.random())  # chance is what is waited for, not an event
        [frozen] = line.store.streams.holders()
        pid = int(frozen.split("/")[2])
        os.kill(pid, signal.SIGSTOP)
        try:
            wait_until(lambda: line.store.streams.holders() != [frozen], 60)  # noqa: B023 - it is waited for here
            _begun(line, _number(line))
        finally:
            os.kill(pid, signal.SIGCONT)
    return _all_is_right(line, sender)


def _all_is_right(line: StreamLine, sender: Insisting) -> int:
    sent = sender.end()
    results = line.results(sent, 120)
    assert line.received() == []
    assert [result["message_id"] for result in results] == [f"a-{number}" for number in range(sent)]
    assert scores(results) == pytest.approx(judged_at_once([row(number) for number in range(sent)]))
    return sent
