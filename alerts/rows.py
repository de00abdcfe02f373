"""Judged rows as alerts keep them: small, packed, and known again."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference.anomaly.judging import Judged

KEPT_ROWS = 300
KNOWN_ROWS = 512
MARK_BYTES = 8
_MOST_SENSORS = 64
_MOST_SHARES = 8
_DIGITS = 6
_TOP = 5


def top_shares(row: Judged, most: int = _TOP) -> list[tuple[str, float]]:
    """The sensors with the largest shares in a row's score, the largest first."""
    shares = ((name, share) for name, share in row.contributions.items() if share > 0)
    return [(name, _short(share)) for name, share in sorted(shares, key=lambda item: -item[1])[:most]]


def small(row: Judged) -> dict[str, Any]:
    """A row as JSON values; of many sensors those with the largest shares, and the first ones."""
    shares = dict(top_shares(row, _MOST_SHARES))
    names = (
        list(dict.fromkeys([*shares, *row.values]))[:_MOST_SENSORS] if len(row.values) > _MOST_SENSORS else row.values
    )
    values = {name: None if row.values[name] is None else _short(row.values[name]) for name in names}
    return replace(row, score=_short(row.score), contributions=shares, values=values).to_row()


def _short(number: float | None) -> float:
    return float(f"{number:.{_DIGITS}g}")


def pack(rows: Sequence[dict[str, Any]]) -> bytes:
    """Rows as bytes, about a tenth as long as their JSON."""
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 1)


def unpack(chunks: Iterable[bytes]) -> list[dict[str, Any]]:
    """The last rows that chunks hold, in their order."""
    rows = [row for chunk in chunks for row in json.loads(zlib.decompress(chunk))]
    return rows[-KEPT_ROWS:]


def chunks_kept(sizes: Sequence[int], added: int) -> int:
    """How many chunks stay, with the one that is added, so that enough rows do."""
    rows, kept = added, 1
    for size in reversed(sizes):
        if rows >= KEPT_ROWS:
            break
        rows, kept = rows + size, kept + 1
    return kept


def mark(row: Judged) -> bytes:
    """By what a row is known when it comes again; empty for one without a time, which may well be as another was."""
    if row.at is None:
        return b""
    told = f"{row.at} {row.score!r} {list(row.values.values())!r}"
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=MARK_BYTES).digest()


def marks(known: bytes) -> set[bytes]:
    """Marks that stand one behind the other."""
    return {known[start : start + MARK_BYTES] for start in range(0, len(known), MARK_BYTES)}


def clocks(rows: Sequence[Judged], before: float, now: datetime) -> list[float]:
    """Seconds since 1970 of each row: its own time, which neither goes back nor lies ahead; else that of its coming."""
    last, arrival = before, now.timestamp()
    found = []
    for row in rows:
        last = max(last, min(_seconds(row.at, arrival), arrival))
        found.append(last)
    return found


def _seconds(at: str | None, arrival: float) -> float:
    if at is not None:
        with suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(at)
            return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    return arrival
