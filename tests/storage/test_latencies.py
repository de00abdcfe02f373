from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from storage.latencies import LONGEST_SECONDS, RELATIVE_ERROR, SHORTEST_SECONDS, bucket_of, percentile_seconds


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.95, 0.99, 1.0])
@pytest.mark.parametrize("spread", [0.05, 0.5, 2.0])
@pytest.mark.parametrize("count", [1, 2, 19, 5000])
def test_a_percentile_is_within_the_stated_error_of_numpys_on_the_durations_themselves(
    count: int, spread: float, fraction: float
):
    durations = np.random.default_rng(count).lognormal(np.log(0.03), spread, count)
    found = percentile_seconds(Counter(map(bucket_of, durations)), fraction)
    exact = np.percentile(durations, fraction * 100, method="inverted_cdf")
    assert found == pytest.approx(exact, rel=RELATIVE_ERROR + 1e-6)
    assert RELATIVE_ERROR < 0.05


def test_no_duration_has_no_percentile_and_the_ends_hold_what_lies_beyond():
    assert percentile_seconds(Counter(), 0.5) is None
    assert bucket_of(0) == bucket_of(SHORTEST_SECONDS) == 0
    assert bucket_of(1e9) == bucket_of(LONGEST_SECONDS) < 170
