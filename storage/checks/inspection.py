"""Goes through checks, and mends what they find when it is asked to."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from storage.checks.check import Check, Finding, Look
from utils import Conflict

MOST_TOLD = 1000
# As long as the workers' housekeeping lets pass between its two looks, and some more.
PATIENCE_SECONDS = 5.0


@dataclass
class Result:
    """What came of a check.

    Attributes:
        seen: things that were looked at.
        open: what is wrong, each with the reason why it could not be mended, empty when that was not tried.
        mended: what was wrong, each with what was done.
        further: how many findings there were beyond the `MOST_TOLD` that are told and mended at a time.
    """

    check: Check
    seen: int
    open: list[tuple[Finding, str]] = field(default_factory=list)
    mended: list[tuple[Finding, str]] = field(default_factory=list)
    further: int = 0

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong, or nothing any more."""
        return not self.open and not self.further


def inspect(look: Look, checks: Iterable[Check], repair: bool, wait: Callable[[float], object]) -> Iterator[Result]:
    """Go through the checks, those first of which a step under way may look wrong for a moment.

    Args:
        repair: mend each finding at once, so that later checks see the store as it is then.
        wait: lets seconds pass.
    """
    checks = list(checks)
    settling = [check for check in checks if check.settles]
    first = {check.rule: _look_at(look, check) for check in settling}
    if any(result.open for result in first.values()):
        wait(PATIENCE_SECONDS)
    for check in settling:
        result = first[check.rule]
        if result.open:
            again = set(itertools.islice(check.find(look), 2 * MOST_TOLD))
            result.open = [entry for entry in result.open if entry[0] in again]
        yield _mended(result) if repair else result
    for check in checks:
        if not check.settles:
            result = _look_at(look, check)
            yield _mended(result) if repair else result


def _look_at(look: Look, check: Check) -> Result:
    look.seen = 0
    findings = check.find(look)
    told = [(finding, "") for finding in itertools.islice(findings, MOST_TOLD)]
    further = sum(1 for _ in findings)
    return Result(check, look.seen, told, further=further)


def _mended(result: Result) -> Result:
    found, result.open = result.open, []
    for finding, _ in found:
        if finding.mend is None:
            result.open.append((finding, "cannot be mended"))
            continue
        try:
            result.mended.append((finding, finding.mend() or "put right meanwhile"))
        except Conflict as error:
            result.open.append((finding, error.detail))
    return result
