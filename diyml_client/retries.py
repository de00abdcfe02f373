"""When a call is made again, and after how long."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

BUSY = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Patience:
    """How long a call is repeated.

    Attributes:
        tries: at most, the first one among them.
        seconds: of waiting in all; a server that asks for more is not waited for.
        first_seconds: the pause after the first try; each further one is twice as long, up to `longest_seconds`.
    """

    tries: int = 9
    seconds: float = 60.0
    first_seconds: float = 0.25
    longest_seconds: float = 8.0


class Waiting:
    """The pauses of one call."""

    def __init__(self, patience: Patience):
        self._patience = patience
        self._tried = 0
        self._waited = 0.0

    @property
    def again(self) -> bool:
        """True after the first failure."""
        return self._tried > 0

    def pause(self, wanted_seconds: float | None = None) -> bool:
        """Wait before the next try; False, without waiting, when there is to be none.

        Half of the pause is by chance, so that many clients of a server that was away do not come back at once.

        Args:
            wanted_seconds: what the server asked for with `Retry-After`; never less than this is waited.
        """
        self._tried += 1
        longest = min(self._patience.longest_seconds, self._patience.first_seconds * 2 ** (self._tried - 1))
        seconds = longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        if wanted_seconds is not None:
            seconds += wanted_seconds
        if self._tried >= self._patience.tries or self._waited + seconds > self._patience.seconds:
            return False
        self._waited += seconds
        time.sleep(seconds)  # The server has no way to call us when it is there again.
        return True
