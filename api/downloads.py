"""Stored files as answers: named, cached by their content, whole or in part, streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable

NEVER_SHARED = "private, no-cache"


@dataclass(frozen=True)
class Download:
    """A file to be answered.

    Attributes:
        tag: names its content; two files with the same tag are the same byte for byte.
        read: gives the bytes from a start to an end, without the latter, in pieces.
    """

    name: str
    media_type: str
    size: int
    tag: str
    read: Callable[[int, int], Iterator[bytes]]

    def answer(self) -> Response:
        """What the request asks for: all, a range, or nothing when it has it already.

        Raises:
            RequestedRangeNotSatisfiable: the file is shorter.
        """
        headers = content_headers(self.tag, self.name)
        headers["Accept-Ranges"] = "bytes"
        if has_it(self.tag):
            return Response(status=304, headers=headers)
        start, stop, status = 0, self.size, 200
        wanted = self._range()
        if wanted:
            (start, stop), status = wanted, 206
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{self.size}"
        headers["Content-Length"] = str(stop - start)
        body = () if request.method == "HEAD" or start == stop else begun(self.read(start, stop))
        return Response(body, status, headers, mimetype=self.media_type)

    def _range(self) -> tuple[int, int] | None:
        """The one range that is asked for; of several, and of what is no range of bytes, the whole is given."""
        sent = request.range
        if sent is None or sent.units != "bytes" or len(sent.ranges) != 1 or not self._range_is_of_this():
            return None
        found = sent.range_for_length(self.size)
        if found is None:
            raise RequestedRangeNotSatisfiable(self.size, description=f"the file has {self.size:,} bytes")
        return found

    def _range_is_of_this(self) -> bool:
        """`If-Range`: a range of another content would make a mixture."""
        condition = request.if_range
        return condition is None or (condition.etag is None and condition.date is None) or condition.etag == self.tag


def has_it(tag: str) -> bool:
    """Whether the caller says that it has this content."""
    return request.if_none_match.contains_weak(tag)


def content_headers(tag: str, name: str) -> dict[str, str]:
    """Headers of content that may be asked for again: its tag, its name, and that it is for this caller only."""
    return {
        "ETag": f'"{tag}"',
        "Cache-Control": NEVER_SHARED,
        "Content-Disposition": disposition("inline", name),
        "X-Content-Type-Options": "nosniff",
    }


def disposition(kind: str, name: str) -> str:
    """`Content-Disposition` with a name of any script (RFC 6266).

    Args:
        kind: `inline` or `attachment`.
    """
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, the first of which is there: what is lost is told before the answer has begun."""
    first = next(pieces, b"")
    return _chain(first, pieces)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
