"""Gzip files as streams."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

_GZIP = zlib.MAX_WBITS | 16
_PIECE_BYTES = 1024 * 1024


def gunzipped(packed: Iterable[bytes]) -> Iterator[bytes]:
    """The content of a gzip file of any number of members, in pieces of a bounded size however well it is packed."""
    source = zlib.decompressobj(_GZIP)
    for chunk in packed:
        rest = chunk
        while rest:
            if piece := source.decompress(rest, _PIECE_BYTES):
                yield piece
            rest = source.unconsumed_tail
            if source.eof:
                rest, source = source.unused_data, zlib.decompressobj(_GZIP)
    if piece := source.flush():
        yield piece
