"""Server-Sent Events: lines to events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class ServerEvent:
    """One event as it came; `id` is empty when it has none."""

    id: str
    kind: str
    data: str


def events(chunks: Iterable[bytes]) -> Iterator[ServerEvent | None]:
    """Events of a stream, and None for each line that only says that the server is still there.

    Follows https://html.spec.whatwg.org/multipage/server-sent-events.html: a blank line ends an event, and one that the
    stream breaks off in the middle of counts for nothing.
    """
    id, kind, data = "", "message", list[str]()
    for line in _lines(chunks):
        if not line:
            if data:
                yield ServerEvent(id, kind, "\n".join(data))
            id, kind, data = "", "message", []
        elif line.startswith(":"):
            yield None
        else:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "id":
                id = value
            elif name == "event":
                kind = value
            elif name == "data":
                data.append(value)


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
