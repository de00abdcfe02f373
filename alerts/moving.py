"""From what rules remember of a key and its next rows to what they remember then; pure, so it can be done again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from bson import ObjectId

from alerts.kinds import KINDS, Verdict
from alerts.rows import top_shares
from storage.alert_rules import AlertRule
from storage.database import Document

if TYPE_CHECKING:
    from inference.anomaly.judging import Judged

RECOVERED = "the rows are as they should be again"
SENDS_AGAIN = "rows come again"


@dataclass
class Moved:
    """What rules remember now.

    Attributes:
        entries: by the rule's id.
        intents: what is to be carried out, in this order.
    """

    entries: dict[str, Document] = field(default_factory=dict)
    intents: list[Document] = field(default_factory=list)


def move(
    rules: Sequence[AlertRule],
    entries: dict[str, Document],
    rows: Sequence[tuple[Judged, float]],
    now: datetime,
) -> Moved:
    """Show rows, each with its time in seconds, to rules. What a rule remembers that is not among them goes."""
    moved = Moved()
    for rule in rules:
        mover = _Mover(rule, entry_of(rule, entries), now)
        for row, clock in rows:
            mover.see(row, clock)
        moved.entries[str(rule.id)] = mover.entry()
        moved.intents += mover.intents
    return moved


def entry_of(rule: AlertRule, entries: dict[str, Document]) -> Document:
    """What a rule remembers; nothing of what it was before it was changed."""
    entry = entries.get(str(rule.id), {})
    return entry if entry.get("edition") == rule.edition else {}


def fall_silent(rule: AlertRule, entries: dict[str, Document], seen_at: datetime, now: datetime) -> Moved:
    """Begin an incident of a key that sends nothing any more; nothing when one is open, or just was."""
    mover = _Mover(rule, entry_of(rule, entries), now)
    mover.begin(seen_at)
    return Moved({**entries, str(rule.id): mover.entry()}, mover.intents)


class _Mover:
    """One rule at work."""

    def __init__(self, rule: AlertRule, entry: Document, now: datetime):
        self._rule = rule
        self._now = now
        self._kind = KINDS[rule.kind]
        self._look = self._kind.look(rule.parameters, entry.get("look", {}))
        self._open: ObjectId | None = entry.get("open")
        self._quiet_until: datetime | None = entry.get("quiet_until")
        self._peak: Document | None = entry.get("peak")
        self._rows: int = entry.get("rows", 0)
        self.intents: list[Document] = []

    def entry(self) -> Document:
        return {
            "edition": self._rule.edition,
            "look": self._look.to_row(),
            "open": self._open,
            "quiet_until": self._quiet_until,
            "peak": self._peak,
            "rows": self._rows,
        }

    def see(self, row: Judged, clock: float) -> None:
        is_silence = self._kind.silence_seconds(self._rule.parameters) is not None
        if row.warming_up and not is_silence:
            return  # nothing is known of it yet
        verdict = self._look.see(row, clock, self._open is not None)
        self._count(row)
        moment = self._now if is_silence else datetime.fromtimestamp(clock, timezone.utc)
        if verdict is Verdict.CLOSE:
            self._end(moment, SENDS_AGAIN if is_silence else RECOVERED)
        elif verdict is Verdict.OPEN:
            self.begin(moment)

    def _count(self, row: Judged) -> None:
        """Keep the worst row of the incident, or of what may become one."""
        if self._look.is_odd(row):
            self._rows += 1
            if self._peak is None or row.score > self._peak["worst"]:
                self._peak = {"worst": row.score, "top": top_shares(row)}
        elif self._open is None and not self._look.odd:
            self._peak = None
        if self._open is None:
            self._rows = self._look.odd

    def begin(self, moment: datetime) -> None:
        if self._open is not None or (self._quiet_until and self._now < self._quiet_until):
            return
        self._open = ObjectId()
        self._intend("open", began_at=moment, opened_at=self._now, edition=self._rule.edition)

    def _end(self, moment: datetime, reason: str) -> None:
        self._intend("close", ended_at=moment, closed_at=self._now, reason=reason)
        self._open, self._peak, self._rows = None, None, 0
        cooldown = timedelta(seconds=self._rule.cooldown_seconds)
        self._quiet_until = self._now + cooldown if cooldown else None

    def _intend(self, what: str, **found: object) -> None:
        found |= {"rows": self._rows, **(self._peak or {})}
        intent = {"id": ObjectId(), "what": what, "rule_id": self._rule.id, "incident_id": self._open}
        self.intents.append({**intent, "found": found})
