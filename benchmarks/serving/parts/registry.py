"""All parts by name, in the order in which they run. A new part is one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.serving.bench import Bench
from benchmarks.serving.parts import answers, cold_start, logins, memory, overload, popularity, throughput
from benchmarks.serving.table import Row

PARTS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "throughput": throughput.measure,
    "overload": overload.measure,
    "answers": answers.measure,
    "logins": logins.measure,
    "zipf": popularity.measure,
    "memory": memory.measure,
    "coldstart": cold_start.measure,
}
