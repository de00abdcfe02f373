"""Sends requests and takes the time, in a process of its own: a plan comes on standard input, its outcome goes out.

    python -m benchmarks.serving.load < plan.json

It shares the machine with the server it measures, so it is one thread over an epoll and imports nothing large.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks.serving.plan import UNANSWERED, Outcome, Plan
from benchmarks.serving.wire import Answer, Connection

OK = 200
REFUSED = (429, 503)
STARTED = b"started\n"
_SHORTEST_PAUSE_SECONDS = 0.1
_LONGEST_POLL_SECONDS = 0.5


class Requests:
    """The bytes of every request of a plan."""

    def __init__(self, plan: Plan):
        self._plan = plan
        self._bodies = [Path(name).read_bytes() for name in plan.bodies]
        self._made: dict[tuple[int, int, str], bytes] = {}

    def get(self, item: int, caller: int) -> bytes:
        """The request of one of the plan's items, with a caller's token."""
        path, body = self._plan.items[item]
        token = self._plan.tokens[caller % len(self._plan.tokens)]
        key = (path, body, token)
        if key not in self._made:
            self._made[key] = self._head(self._plan.paths[path], token, len(self._bodies[body]))
        return self._made[key] + self._bodies[body]

    def _head(self, path: str, token: str, length: int) -> bytes:
        lines = [f"POST {path} HTTP/1.1", f"Host: {self._plan.host}:{self._plan.port}"]
        lines += [f"Content-Type: {self._plan.content_type}", f"Content-Length: {length}"]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        return "\r\n".join([*lines, "", ""]).encode()


class Generator:
    """Runs one plan; what it does next hangs on a poll of all connections and on a heap of what is due."""

    def __init__(self, plan: Plan):
        self._plan = plan
        self._requests = Requests(plan)
        self._poll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._busy: dict[Connection, tuple[int, int, float]] = {}
        self._idle: list[Connection] = []
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = iter(range(sys.maxsize))
        self._begun = 0
        self._every: list[Connection] = []
        self._end = plan.seconds
        self.outcome = Outcome()

    def stop(self) -> None:
        """Begin nothing more."""
        self._end = min(self._end, self._now())

    def run(self) -> Outcome:
        """Send everything, and wait for the answers."""
        cpu = time.process_time()
        self.outcome.started = time.perf_counter()
        if self._plan.rate:
            self._at(0.0, lambda: self._arrive(0))
        else:
            for caller in range(self._plan.callers):
                self._next(caller)
        self._loop()
        self.outcome.wall_seconds = self._now()
        self.outcome.cpu_seconds = time.process_time() - cpu
        self.outcome.reconnected = sum(connection.reconnected for connection in self._every)
        return self.outcome

    def _now(self) -> float:
        return time.perf_counter() - self.outcome.started

    def _at(self, when: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (when, next(self._numbers), act))

    def _loop(self) -> None:
        while (self._busy or self._due) and self._now() < self._end + self._plan.drain_seconds:
            pause = self._due[0][0] - self._now() if self._due else _LONGEST_POLL_SECONDS
            for descriptor, events in self._poll.poll(min(max(pause, 0.0), _LONGEST_POLL_SECONDS)):
                connection = self._connections.get(descriptor)
                answer = connection.handle(events) if connection else None
                if connection and answer:
                    self._answered(connection, answer)
            while self._due and self._due[0][0] <= self._now():
                heapq.heappop(self._due)[2]()
        for item, _, begun in self._busy.values():
            self._record(item, begun, Answer(UNANSWERED))

    def _may_begin(self, due: float) -> bool:
        return due < self._end and not (self._plan.count and self._begun >= self._plan.count)

    def _next(self, caller: int) -> None:
        """Closed loop: the caller's next request."""
        if self._may_begin(self._now()):
            self._send(self._begun % len(self._plan.items), caller, self._now())
            self._begun += 1

    def _again(self, item: int, caller: int) -> None:
        """Closed loop: a request that was refused."""
        if self._now() < self._end:
            self._send(item, caller, self._now())

    def _arrive(self, number: int) -> None:
        """Open loop: a request is due, and after it the next."""
        due = number / self._plan.rate
        if not self._may_begin(due):  # one that is late counts: on a busy machine fewer would be asked for otherwise
            return
        self._at((number + 1) / self._plan.rate, lambda: self._arrive(number + 1))
        self._begun += 1
        if not self._idle and len(self._busy) >= self._plan.most_open:
            self.outcome.unsent += 1
            return
        self.outcome.late_seconds.append(self._now() - due)
        self._send(number % len(self._plan.items), number, due)

    def _send(self, item: int, caller: int, begun: float) -> None:
        if self._idle:
            connection = self._idle.pop()
        else:
            connection = Connection((self._plan.host, self._plan.port), self._poll, self._connections)
            self._every.append(connection)
        self._busy[connection] = (item, caller, begun)
        connection.send(self._requests.get(item, caller))

    def _answered(self, connection: Connection, answer: Answer) -> None:
        item, caller, begun = self._busy.pop(connection)
        self._idle.append(connection)
        self._record(item, begun, answer)
        if self._plan.rate:
            return
        if answer.status not in (*REFUSED, UNANSWERED):
            self._next(caller)
            return
        # A caller that comes back at once, although it was told when to, would measure refusals and nothing else.
        resume = self._now() + max(answer.retry_after_seconds, _SHORTEST_PAUSE_SECONDS)
        if self._plan.persist:
            self._at(resume, lambda: self._again(item, caller))
        else:
            self._at(resume, lambda: self._next(caller))

    def _record(self, item: int, begun: float, answer: Answer) -> None:
        self.outcome.begun.append(begun)
        self.outcome.seconds.append(self._now() - begun)
        self.outcome.status.append(answer.status)
        self.outcome.item.append(item)
        if self._plan.compare:
            self.outcome.digests.append(_digest(answer, self._plan.compare))


def _digest(answer: Answer, name: str) -> str:
    if answer.status != OK:
        return ""
    compared = json.dumps(json.loads(answer.body)[name], sort_keys=True)
    return hashlib.sha256(compared.encode()).hexdigest()[:20]


def main() -> None:
    """Read the plan, say when it starts, write the outcome."""
    plan = Plan(**json.loads(sys.stdin.buffer.read()))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    generator = Generator(plan)
    signal.signal(signal.SIGTERM, lambda *_: generator.stop())
    sys.stdout.buffer.write(STARTED)
    sys.stdout.buffer.flush()
    outcome = generator.run()
    sys.stdout.buffer.write(json.dumps(asdict(outcome)).encode())


if __name__ == "__main__":
    main()
