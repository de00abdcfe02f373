"""Results of a stream, read after a position."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from storage.store import Store
from storage.stream_batches import Batch
from storage.streams import Stream

# More than a batch has messages; a position is the number of the batch and the place in it.
_PLACES = 1_000
_BATCHES_AT_ONCE = 5


def results(store: Store, stream: Stream, after: int, most: int) -> list[dict[str, Any]]:
    """What was answered after a position, in order, each with its own.

    Args:
        after: 0 is the oldest that is kept.
    """
    found: list[dict[str, Any]] = []
    number = after // _PLACES - 1
    while batches := store.stream_batches.after(stream.id, number, _BATCHES_AT_ONCE):
        for batch in batches:
            found += [item for item in _answers(batch) if item["position"] > after]
            if len(found) >= most:
                return found[:most]
        number = batches[-1].number
    return found


def _answers(batch: Batch) -> Iterator[dict[str, Any]]:
    for place, line in enumerate(batch.answers):
        answer = json.loads(line)
        answer.pop("body", None)
        yield {"position": batch.number * _PLACES + place, "at": batch.at.isoformat(), **answer}
