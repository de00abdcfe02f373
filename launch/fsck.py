"""`diyml fsck`: goes through the database, says what is wrong, and mends it when asked to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

from launch.database import database
from launch.family import LaunchError
from launch.serving import serving_checks
from settings import Settings
from storage.checks.check import Look
from storage.checks.inspection import MOST_TOLD, Result, inspect
from storage.checks.registry import CHECKS
from storage.mongod import MongodError, describe_server
from storage.store import Store
from storage.sweeper import GRACE
from utils import Unavailable, plural, utc_now

WELL, WRONG, UNCHECKED = 0, 1, 3
_PROGRESS_SECONDS = 1.0


def fsck(settings: Settings, say: Callable[[str], None], repair: bool = False, quick: bool = False) -> int:
    """Check the database that these settings name.

    Args:
        repair: mend what can be mended.
        quick: leave out the checks that read the content of files.

    Returns:
        The exit status: 0 when nothing is wrong, or nothing any more; 1 when something is; 3 when it could not be
        checked, or not to the end.
    """
    try:
        with database(settings, say) as settings:
            return _check(settings, say, repair, quick)
    except (LaunchError, MongodError, Unavailable) as error:
        sys.stderr.write(f"diyml: not checked: {error}\n")
    except KeyboardInterrupt:
        sys.stderr.write("diyml: interrupted, not checked to the end\n")
    return UNCHECKED


def _check(settings: Settings, say: Callable[[str], None], repair: bool, quick: bool) -> int:
    say(f"Checking the database '{settings.database}' of MongoDB {describe_server(settings.mongo_uri)}")
    store, progress = Store(settings), Progress(sys.stderr)
    try:
        if store.is_empty():
            raise LaunchError(f"the database '{settings.database}' is empty: DIYML_DATABASE names the one to check")
        look = Look(store, settings, utc_now() - GRACE, progress.show)
        checks = [check for check in (*CHECKS, *serving_checks(look)) if not (quick and check.reads_content)]
        results = []
        for result in inspect(look, checks, repair, time.sleep):  # nothing tells when a step of others has ended
            progress.erase()
            results.append(result)
            tell(result, say)
    finally:
        progress.erase()
        store.close()
    say(summary(results, repair, quick))
    return WELL if all(result.is_well for result in results) else WRONG


def tell(result: Result, say: Callable[[str], None]) -> None:
    """One line for the check, and one for each finding."""
    state = "ok    " if result.is_well and not result.mended else "mended" if result.is_well else "WRONG "
    say(f"{state} {result.seen:>9,}  {result.check.rule}")
    for finding, done in result.mended:
        say(f"         mended: {finding.where}. Done: {done}")
    for finding, why_not in result.open:
        not_mended = f" (not mended: {why_not})" if why_not else ""
        say(f"         wrong: {finding.where}. To do: {finding.remedy}{not_mended}")
    if result.further:
        say(f"         and {result.further:,} more: {MOST_TOLD:,} are told and mended at a time")


def summary(results: list[Result], repair: bool, quick: bool) -> str:
    """The last lines: counts, and what to do next."""
    wrong = sum(len(result.open) + result.further for result in results)
    mended = sum(len(result.mended) for result in results)
    mendable = any(finding.mend for result in results for finding, _ in result.open)
    lines = [f"{plural(len(results), 'check')}: {plural(wrong, 'thing')} wrong, {mended:,} mended."]
    if quick:
        lines.append("No content of files was read (--quick).")
    if mendable and not repair:
        lines.append("Nothing was changed. With --repair it mends what can be mended.")
    return "\n".join(lines)


class Progress:
    """A line that moves, for whoever waits at a terminal."""

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._is_live = stream.isatty() and sys.stdout.isatty()
        self._shown_at = time.monotonic()

    def show(self, seen: int) -> None:
        """So many things were looked at."""
        if self._is_live and time.monotonic() - self._shown_at > _PROGRESS_SECONDS:
            self._shown_at = time.monotonic()
            self._stream.write(f"\r\x1b[2K{seen:,} looked at")
            self._stream.flush()

    def erase(self) -> None:
        """Make room for a line that stays."""
        if self._is_live:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()
