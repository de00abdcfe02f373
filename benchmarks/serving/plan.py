"""What a load generator is to send, and what it saw; both go between processes as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field

# How a request ended that got no answer.
UNANSWERED = 0


@dataclass(frozen=True)
class Plan:
    """A load.

    Attributes:
        paths: of the server's routes.
        bodies: files; their contents are sent.
        items: which path with which body, in this order, over and over.
        tokens: the first caller sends the first, and so on, over and over; an empty one is not sent.
        callers: each sends its next request when it has the answer to its last (a closed loop).
        seconds: after this no request is begun.
        count: at most so many requests; 0 is any number.
        rate: requests a second, whatever the answers (an open loop, in which `callers` does not count); 0 is none.
        most_open: connections of an open loop; an arrival that finds all of them taken is not sent, and counted.
        persist: a request that was refused is sent again, by its caller, until it is answered or time is over.
        compare: a field of the JSON answers of which a digest is kept; empty keeps none.
        drain_seconds: how long answers are waited for after the end.
    """

    host: str
    port: int
    paths: list[str]
    bodies: list[str]
    items: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    tokens: list[str] = field(default_factory=lambda: [""])
    callers: int = 1
    seconds: float = 5.0
    count: int = 0
    rate: float = 0.0
    most_open: int = 2000
    persist: bool = False
    compare: str = ""
    content_type: str = "image/jpeg"
    drain_seconds: float = 30.0


@dataclass
class Outcome:
    """What came of a plan; the lists have one entry an answer, in the order in which they came.

    Attributes:
        started: `time.perf_counter()`, which on Linux is the same clock in all processes.
        begun: seconds from the start to when the request was sent, or in an open loop was due.
        seconds: from then to the end of the answer.
        status: HTTP status; UNANSWERED when the connection broke or the answer did not come in time.
        item: position in `Plan.items`.
        digests: of the compared field; empty strings for answers other than 200.
        late_seconds: in an open loop, how long after it was due each request was sent: more than a few milliseconds
            mean that the generator could not keep up.
        unsent: arrivals that found every connection taken.
        cpu_seconds: of the generator itself, which shares the machine with the server.
    """

    started: float = 0.0
    begun: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    item: list[int] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    late_seconds: list[float] = field(default_factory=list)
    unsent: int = 0
    reconnected: int = 0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
