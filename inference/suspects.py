"""Remembers which model was being loaded when an engine died, so that it is not loaded again at once.

A file that makes the runtime crash would end the engine with every request for it, and with the engine everybody
else's predictions.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from utils import Unavailable

_LOADING, _ENDED_AN_ENGINE = ".loading", ".ended-an-engine"
REFUSED_SECONDS = 300.0


class Suspects:
    """Files in a folder that outlives the engine, named by the hash of what they stand for.

    A mark that is there when this is made was left by an engine that died over its load. It may have been killed for
    another reason, so the model is refused for a while only.

    Args:
        folder: of one engine at a time, there already.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        for mark in folder.glob(f"*{_LOADING}"):
            suspect = mark.with_suffix(_ENDED_AN_ENGINE)
            mark.replace(suspect)
            suspect.touch()

    @contextmanager
    def watched(self, sha256: str) -> Iterator[None]:
        """Mark a model while the block loads it.

        Raises:
            Unavailable: an engine died over it a moment ago.
        """
        self._refuse(sha256)
        mark = self._folder / f"{sha256}{_LOADING}"
        mark.touch()
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)

    def clear(self) -> None:
        """Leave no mark of what is being loaded, since the engine ends in order."""
        for mark in self._folder.glob(f"*{_LOADING}"):
            mark.unlink(missing_ok=True)

    def _refuse(self, sha256: str) -> None:
        with suppress(FileNotFoundError):
            left = (self._folder / f"{sha256}{_ENDED_AN_ENGINE}").stat().st_mtime + REFUSED_SECONDS - time.time()
            if left > 0:
                raise Unavailable(
                    "the inference engine ended while it loaded this model, which is not tried again for "
                    f"{math.ceil(left)} s: if that happens again, train the project again or serve another version",
                    retry_after_seconds=math.ceil(left),
                )
