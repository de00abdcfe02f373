"""Many durations as few counters: how often one fell into each of a row of buckets that grow by a constant ratio."""

from __future__ import annotations

import math
from collections import Counter

RATIO = 1.1
SHORTEST_SECONDS = 0.0001
LONGEST_SECONDS = 600.0
# What a percentile may be off by, as a part of it, for durations between the shortest and the longest.
RELATIVE_ERROR = math.sqrt(RATIO) - 1


def bucket_of(seconds: float) -> int:
    """The bucket that a duration falls into, from 0; anything beyond the ends falls into the last one there."""
    bounded = min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS)
    return math.ceil(math.log(bounded / SHORTEST_SECONDS, RATIO) - 1e-9)


def percentile_seconds(counts: Counter[int], fraction: float) -> float | None:
    """The duration that this part of all durations does not exceed, by nearest rank; at most 4.9 % off.

    Args:
        counts: how many fell into each bucket.
        fraction: above 0, at most 1.

    Returns:
        The middle of the bucket, in the logarithm; None when there is no duration.
    """
    rank, passed = math.ceil(fraction * counts.total()), 0
    for bucket in sorted(counts):
        passed += counts[bucket]
        if passed >= rank:
            return SHORTEST_SECONDS * RATIO ** (bucket - 0.5)
    return None
