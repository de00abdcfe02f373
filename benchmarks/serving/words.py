"""Figures in words, for the table."""

from __future__ import annotations

import math

from benchmarks.serving.loads import Seen
from benchmarks.serving.memory_of import MEBIBYTE


def ms(value: float) -> str:
    """Milliseconds, with as many digits as mean something."""
    if math.isnan(value):
        return "-"
    return f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"


def rate(per_second: float) -> str:
    """Requests a second."""
    return f"{per_second:.1f}/s" if per_second < 100 else f"{per_second:,.0f}/s"


def mebibytes(size: float) -> str:
    """Bytes as MiB."""
    return f"{size / MEBIBYTE:,.0f} MiB"


def seen(what: Seen) -> str:
    """Throughput and latencies, and what went wrong."""
    text = f"{rate(what.per_second)}, p50 {ms(what.p50_ms)}, p95 {ms(what.p95_ms)}"
    return text + (f", {what.failed} FAILED" if what.failed else "")


def callers(count: int) -> str:
    """So many of them."""
    return "1 caller" if count == 1 else f"{count:,} callers"
