"""What came of a try to send, and when to try again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime
from enum import Enum

from utils import utc_now

# Seconds before each further try. The early ones are close, so that a short outage costs minutes; all of them together
# span more than three days.
WAITS = (5, 30, 120, 300, 900, 3600, 3 * 3600, 8 * 3600, 16 * 3600, 24 * 3600, 24 * 3600)
LONGEST_PAUSE_SECONDS = 300
_LONGEST_RETRY_AFTER_SECONDS = 24 * 3600


class Result(str, Enum):
    """What came of a try."""

    DELIVERED = "delivered"
    # It did not take this message; others it may.
    REFUSED = "refused"
    # It was not there, or had no time.
    ABSENT = "absent"
    # It takes this message never.
    NEVER = "never"
    # It wants no more messages at all.
    GONE = "gone"


@dataclass(frozen=True)
class Outcome:
    """The result, and words for the owner.

    Attributes:
        retry_after_seconds: how long the receiver asks to be left alone.
    """

    result: Result
    words: str
    retry_after_seconds: float = 0


def retry_after_seconds(header: str | None) -> float:
    """What a `Retry-After` header asks for, at most a day; 0 when it says nothing."""
    if not header:
        return 0
    try:
        if header.strip().isdecimal():
            seconds = float(header)
        else:
            moment = parsedate_to_datetime(header)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
            seconds = (moment - utc_now()).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return 0
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_SECONDS)
