"""How many rows a second does a stream judge, and how long does one take? Beside a bare loop on the same broker.

    python -m benchmarks.streams [--messages 10000] [--sensors 8] [--keys 4] [--rate 800]
        [--broker amqp://user:password@host//]

Without a broker the embedded one is measured. The model is the one of principal components that training fits, on made
readings. The bare loop takes a message, reads its JSON, publishes an answer of the same size and acknowledges, one
after the other, as a consumer written with kombu does; the stream does all that it does. Each message is one row. Then
messages come at half of the rate that the stream can take, and each is timed from before it was sent until its result
was received; the bare loop is timed at the same load, or at half of its own rate if that is less, and so is the stream.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from inference.protocol import ModelCard
from launch.family import Family
from launch.members import mongod_member, stream_member
from settings import Settings
from storage.mongod import EmbeddedMongod
from storage.projects import Project
from storage.store import Store
from storage.streams import Stream, StreamWish
from streams.connecting import connection, declare
from training.anomaly.detectors.pca import PcaDetector, PcaParams
from training.anomaly.detectors.protocol import Fitting
from training.anomaly.model import AnomalyModel, Member
from training.anomaly.scaling import Scaling

_TICK_SECONDS = 0.01
_LOAD_SECONDS = 10.0
_LONGEST_SECONDS = 120.0
_ANSWER_CHARACTERS = 600
_ACKNOWLEDGED = 10
BARE = ("diyml.stream.bare", "diyml.stream.bare.out")


def readings(rows: int, sensors: int) -> np.ndarray:
    """Sensors that move together, with noise."""
    random = np.random.default_rng(0)
    hidden = random.normal(size=(rows, 2)).cumsum(0) * 0.05
    return hidden @ random.normal(size=(2, sensors)) + random.normal(0, 0.1, (rows, sensors))


def names(sensors: int) -> list[str]:
    """Of so many sensors."""
    return [f"sensor {number}" for number in range(sensors)]


def pca_model(sensors: int) -> bytes:
    """A fitted model of principal components, as training exports it."""
    rows = readings(5_000, sensors)
    scaling = Scaling.fit(rows)
    windows = scaling.apply(rows[:, None, :])
    fitted = PcaDetector().fit(windows, PcaParams(), Fitting(seed=0))
    return AnomalyModel(scaling, [Member("pca", fitted, 1.0)], 1).export()


def serve(store: Store, project: Project, content: bytes, sensors: int) -> None:
    """Let a model answer for a project."""
    series = {"sensors": names(sensors), "window": 1, "threshold": 3.0, "smoothing": 0.5, "series": "machine"}
    card = ModelCard(
        project_type="anomaly", architecture="pca", classes=[], preprocessing={}, metrics={}, metrics_on="nothing",
        export_difference=0.0, dataset={}, params={}, pretrained=False, device="cpu", libraries={}, licence="none",
        onnx_sha256=hashlib.sha256(content).hexdigest(), duration_seconds=0.0, series=series,
    )  # fmt: skip
    file = store.artifacts.put(io.BytesIO(content), "model.onnx")
    job = store.jobs.create(project, {}, 1)
    model = store.models.create(project.id, job.id, card.model_dump(), {"model.onnx": file})
    store.projects.serve(project.id, model.id, model.version)


def _say(line: str) -> None:
    sys.stderr.write(line)


@contextmanager
def platform_of(broker: str) -> Iterator[tuple[Settings, Store, Project]]:
    """A MongoDB and a worker for streams, and one project."""
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data_dir=Path(name), broker_url=broker, bcrypt_rounds=4)
        server = EmbeddedMongod(settings.data_dir)
        server.prepare()
        settings = dataclasses.replace(settings, mongo_uri=server.connection().uri)
        database = mongod_member(server, settings)
        family = Family([database, stream_member(settings, Path(name) / "stream.log")], say=_say)
        store = Store(settings)
        try:
            Family([database], say=_say).start()
            store.prepare()
            project = store.projects.create(store.users.create("ada", b"correct horse"), "pumps", "anomaly")
            family.members[1].spawn()
            yield settings, store, project
        finally:
            family.stop()
            store.close()


def row(values: np.ndarray, keys: int, number: int) -> dict[str, Any]:
    """One row as a device sends it."""
    sensors = {name: round(float(value), 4) for name, value in zip(names(len(values)), values, strict=True)}
    return {"machine": f"machine {number % keys}", **sensors}


class Publisher:
    """Publishes many messages at a time."""

    def __init__(self, settings: Settings, queue: str):
        self._connection = connection(settings)
        self._channel = self._connection.channel()
        self._channel.tx_select()
        self._queue = queue

    def publish(self, contents: list[str], first: int) -> None:
        """Publish rows as messages with numbers from `first` on."""
        for number, content in enumerate(contents, first):
            message = self._channel.prepare_message(
                content, content_type="application/json", content_encoding="utf-8",
                properties={"message_id": str(number), "delivery_mode": 2},
            )  # fmt: skip
            self._channel.basic_publish(message, "", self._queue)
        self._channel.tx_commit()

    def close(self) -> None:
        """Close the connection."""
        self._connection.release()


def fill(settings: Settings, queue: str, contents: list[str], first: int = 0) -> None:
    """Put many messages into a queue."""
    publisher = Publisher(settings, queue)
    for start in range(0, len(contents), 500):
        publisher.publish(contents[start : start + 500], first + start)
    publisher.close()


@contextmanager
def bare_queues(settings: Settings) -> Iterator[None]:
    """The queues of the bare loop, empty."""
    with connection(settings) as broker:
        for queue in BARE:
            with broker.channel() as channel:
                channel.queue_declare(queue, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
    yield
    with connection(settings) as broker, broker.channel() as channel:
        for queue in BARE:
            channel.queue_delete(queue)


def bare_loop(settings: Settings, most: int, seconds: float) -> float:
    """Consume and publish so many messages, for so many seconds at most; gives messages a second."""
    taken, given = BARE
    answer = "x" * _ANSWER_CHARACTERS
    with connection(settings) as broker:
        channel, done, came = broker.channel(), 0, deque[Any]()
        producer = broker.Producer(channel=broker.channel())

        def answer_to(message: Any) -> None:
            content = json.loads(message.body)
            producer.publish(
                {"machine": content["machine"], "answer": answer}, routing_key=given, delivery_mode=2,
                message_id=message.properties["message_id"],
            )  # fmt: skip
            channel.basic_ack(message.delivery_tag)

        channel.basic_qos(0, 1_000, False)
        channel.basic_consume(taken, no_ack=False, callback=came.append, consumer_tag="bare")
        began = time.perf_counter()
        while done < most and time.perf_counter() - began < seconds:
            with suppress(TimeoutError):
                broker.drain_events(timeout=1)
            while came:  # not in the callback, since publishing there delivers the next message
                answer_to(came.popleft())
                done += 1
        return done / (time.perf_counter() - began)


def bare_rate(settings: Settings, contents: list[str]) -> float:
    """Messages a second of the bare loop when its queue is full."""
    with bare_queues(settings):
        fill(settings, BARE[0], contents)
        return bare_loop(settings, len(contents), _LOAD_SECONDS)


def bare_latencies(settings: Settings, contents: list[str], rate: float) -> Timed:
    """Of the bare loop in a process of its own."""
    with bare_queues(settings):
        loop = get_context("spawn").Process(target=bare_loop, args=(settings, 10**9, _LONGEST_SECONDS), daemon=True)
        loop.start()
        try:
            return timed(settings, *BARE, contents, rate)
        finally:
            loop.kill()
            loop.join()


def stream_rate(settings: Settings, store: Store, project: Project, contents: list[str]) -> float:
    """Rows a second of a stream whose queue is full, from the end of its first batch on."""
    stream, _ = store.streams.put(project.id, StreamWish(enabled=False), 0)
    with connection(settings) as broker:
        declare(broker, stream)
    fill(settings, stream.queue, contents)
    store.streams.put(project.id, StreamWish(enabled=True), 0)
    wait_until_judged(store, stream, len(contents))
    batches = store.stream_batches.after(stream.id, 0, 100_000)
    first, last = batches[0], batches[-1]
    print(f"  {len(batches)} batches, the last with {len(last.answers[0])} characters an answer")
    return (last.counts.rows - first.counts.rows) / (last.at - first.at).total_seconds()


def wait_until_judged(store: Store, stream: Stream, rows: int) -> None:
    """Wait for so many rows since the stream began."""
    ends = time.monotonic() + _LONGEST_SECONDS
    while not ((last := store.stream_batches.last(stream.id)) and last.counts.rows >= rows):
        if time.monotonic() > ends:
            raise SystemExit(f"judged after {_LONGEST_SECONDS:.0f} s: {last.counts if last else 'nothing'}")
        time.sleep(0.2)  # Nobody tells when a row has been judged.


@dataclass(frozen=True)
class Timed:
    """Messages that were timed.

    Attributes:
        seconds: from before each was sent until its result was received.
        rate: at which they were sent in fact.
        lost: results that never came.
    """

    seconds: list[float]
    rate: float
    lost: int

    def line(self, name: str) -> str:
        """For people."""
        p50, p95, p99 = np.percentile(self.seconds, [50, 95, 99]) * 1000
        missing = f", {self.lost:,} never came" if self.lost else ""
        return (
            f"{name:16s} {self.rate:8,.0f} messages/s come: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms "
            f"of {len(self.seconds):,}{missing}"
        )


def timed(settings: Settings, taken: str, given: str, contents: list[str], rate: float, first: int = 0) -> Timed:
    """Send so many a second to one queue, and receive what comes of them from another one.

    The first second, in which connections and caches are warmed, is sent and not timed.
    """
    sent_at: dict[str, float] = {}
    found: list[float] = []
    publisher, many = Publisher(settings, taken), max(1, round(rate * _TICK_SECONDS))
    pace, warm, seconds = many / rate, round(rate), [0.0]

    def send() -> None:
        began = time.perf_counter()
        for tick, start in enumerate(range(0, len(contents), many)):
            if (early := began + tick * pace - time.perf_counter()) > 0:
                time.sleep(early)  # Messages come by the clock.
            some = contents[start : start + many]
            now = time.perf_counter()
            sent_at.update((str(number), now) for number in range(first + start, first + start + len(some)))
            publisher.publish(some, first + start)
        seconds[0] = time.perf_counter() - began

    def received(message: Any) -> None:
        if came := sent_at.get(message.properties["message_id"]):
            found.append(time.perf_counter() - came)
        tags.append(message.delivery_tag)

    tags: list[Any] = []
    with connection(settings) as broker, broker.channel() as channel:
        channel.queue_purge(given)
        channel.basic_qos(0, 1_000, False)
        channel.basic_consume(given, no_ack=False, callback=received, consumer_tag="timed")
        sender = threading.Thread(target=send)
        sender.start()
        ends = time.monotonic() + _LONGEST_SECONDS
        while len(found) < len(contents) and time.monotonic() < ends:
            with suppress(TimeoutError):
                broker.drain_events(timeout=1)
            if len(tags) >= _ACKNOWLEDGED:
                channel.basic_ack(tags[-1], multiple=True)
                tags.clear()
        sender.join()
    publisher.close()
    return Timed(found[warm:], len(contents) / seconds[0], len(contents) - len(found))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--sensors", type=int, default=8)
    parser.add_argument("--keys", type=int, default=4)
    parser.add_argument("--rate", type=float, help="messages a second at which to time as well")
    parser.add_argument("--broker", default="")
    wish = parser.parse_args()
    kind = "RabbitMQ" if wish.broker else "the embedded broker"
    print(f"python -m benchmarks.streams {' '.join(sys.argv[1:])}".replace(wish.broker or "\0", "amqp://..."))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; {kind}")
    values = readings(wish.messages, wish.sensors)
    contents = [json.dumps(row(one, wish.keys, number)) for number, one in enumerate(values)]
    with platform_of(wish.broker) as (settings, store, project):
        serve(store, project, pca_model(wish.sensors), wish.sensors)
        bare = bare_rate(settings, contents)
        print(f"bare loop        {bare:8,.0f} messages/s", flush=True)
        ours = stream_rate(settings, store, project, contents)
        print(f"stream           {ours:8,.0f} messages/s, {ours / bare:.2f} of it", flush=True)
        stream, first = store.streams.get(project.id), len(contents)
        same = min(ours, bare) / 2
        for rate in dict.fromkeys([ours / 2, same, *([wish.rate] if wish.rate else [])]):
            some = (contents * 20)[: round(rate * _LOAD_SECONDS)]
            print(
                timed(settings, stream.queue, str(stream.results_queue), some, rate, first).line("stream"), flush=True
            )
            first += len(some)
        some = (contents * 20)[: round(same * _LOAD_SECONDS)]
        print(bare_latencies(settings, some, same).line("bare loop"))


if __name__ == "__main__":
    try:
        main()
    except subprocess.SubprocessError as error:
        raise SystemExit(str(error)) from error
