"""A stream with everything around it: who sends, the workers, and who receives."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kombu import Connection

from inference.anomaly.judging import Judge
from inference.sessions import open_session
from settings import Settings
from storage.projects import Project
from storage.store import Store
from storage.streams import Stream, StreamWish
from streams.connecting import connection, declare
from streams.crew import Crew
from tests.conftest import ROOT, wait_until
from tests.streams.models import series_card, serve_sum_model, sum_model
from training.broker import broker_url


class StreamLine:
    """One project with a stream, on a database of its own.

    Args:
        settings: name database and broker.
    """

    def __init__(self, settings: Settings, folder: Path, has_model: bool = True, **wish: Any):
        self.settings = dataclasses.replace(settings, database=f"streams_{uuid.uuid4().hex[:8]}", data_dir=folder)
        self.store = Store(self.settings)
        self.store.prepare()
        owner = self.store.users.create("ada", b"correct horse")
        self.project: Project = self.store.projects.create(owner, "pumps", "anomaly")
        if has_model:
            serve_sum_model(self.store, self.project)
        self.stream = self.put(**wish)
        self.workers: list[subprocess.Popen[bytes]] = []
        self._crew: threading.Thread | None = None
        self._ends = threading.Event()
        self._sender = Connection(broker_url(self.settings), transport_options={"confirm_publish": True})
        self._receiver = connection(self.settings)
        with connection(self.settings) as broker:
            declare(broker, self.stream)

    def put(self, collect_until: int = 0, **wish: Any) -> Stream:
        """Make the stream, or change it."""
        self.stream, _ = self.store.streams.put(self.project.id, StreamWish(**wish), collect_until)
        return self.stream

    def start(self) -> subprocess.Popen[bytes]:
        """Start a worker."""
        environment = {**os.environ, **self.settings.to_environment(), "OMP_NUM_THREADS": "1"}
        with (self.settings.data_dir / "stream.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "streams"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        self.workers.append(worker)
        return worker

    def follow(self) -> None:
        """Let a worker be a thread of this process, for tests in which none is killed."""
        crew = Crew(self.store, self.settings)
        self._crew = threading.Thread(target=crew.run, args=(lambda seconds: self._ends.wait(seconds / 5),))
        self._crew.start()

    def send(self, content: Any, message_id: str | None = None, raw: bool = False) -> None:
        """Publish with kombu as anybody would: this is the producer of docs/streams.md."""
        extra: dict[str, Any] = {} if message_id is None else {"message_id": message_id}
        if raw:
            extra |= {"serializer": None, "content_type": "application/json", "content_encoding": "utf-8"}
        self._sender.ensure_connection(max_retries=3)
        producer = self._sender.Producer(serializer="json")
        producer.publish(content, routing_key=self.stream.queue, delivery_mode=2, **extra)

    def send_rows(self, first: int, last: int, machine: str = "a") -> None:
        """A message a row, with numbers that no other row has."""
        for number in range(first, last):
            self.send(row(number, machine), f"{machine}-{number}")

    def received(self, queue: str | None = None) -> list[Any]:
        """Everything that lies in a queue, the one of results unless another is named, taken out."""
        found = []
        with self._receiver.channel() as channel:
            while (message := channel.basic_get(queue or self.stream.results_queue)) is not None:
                found.append(message)
                channel.basic_ack(message.delivery_tag)
        return found

    def results(self, count: int, seconds: float = 60) -> list[dict[str, Any]]:
        """What is received until so many messages have come."""
        found: list[dict[str, Any]] = []

        def enough() -> bool:
            found.extend(json.loads(message.body) for message in self.received())
            return len(found) >= count

        wait_until(enough, seconds)
        return found

    def log(self) -> str:
        """What the workers said."""
        return (self.settings.data_dir / "stream.log").read_text()

    def close(self) -> None:
        """End everything, and drop the databases."""
        for worker in self.workers:
            worker.kill()
            worker.wait()
        if self._crew:
            self._ends.set()
            self._crew.join()
        if not self.settings.broker_url:
            channel: Any = self._sender.default_channel
            channel.client.client.close()  # kombu's own transport leaves it open
        for each in (self._sender, self._receiver):
            each.release()
        for name in (self.settings.database, f"{self.settings.database}_queue"):
            self.store.database.client.drop_database(name)
        self.store.close()


def row(number: int, machine: str = "a") -> dict[str, Any]:
    """A row whose values depend on its number."""
    return {"machine": machine, "heat": float(number % 17), "spin": float(number % 5)}


def judged_at_once(rows: Sequence[dict[str, Any]], factor: float = 1.0) -> list[float]:
    """The scores of rows of one machine, judged in one go by one judge: what streams must come to as well."""
    content = sum_model(factor)
    judge = Judge(open_session(content, 1), series_card(content))
    judged, _ = judge.judge(judge.begin(), rows)
    return [item.score for item in judged]
