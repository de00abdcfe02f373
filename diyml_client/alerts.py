"""Alert rules of a project, and the incidents that they have found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from diyml_client.bound import Collection
from diyml_client.downloads import download
from diyml_client.records import Record, read
from diyml_client.transport import path_of


@dataclass
class AlertRule(Record):
    """When rows of a key are an incident, and who is told; `webhooks` is None for all of the project."""

    id: str = ""
    name: str = ""
    kind: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    cooldown_seconds: float = 0.0
    active: bool = True
    webhooks: list[str] | None = None
    mail: bool = True
    webhook_picture: bool = False
    created_at: datetime | None = None
    revision: int = 0


@dataclass
class Incident(Record):
    """What a rule has found wrong with a key; `state` is open or closed."""

    id: str = ""
    rule_id: str = ""
    rule_name: str = ""
    kind: str = ""
    key: str = ""
    state: str = ""
    began_at: datetime | None = None
    ended_at: datetime | None = None
    duration_seconds: float | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    reason: str | None = None
    rows: int = 0
    worst_score: float | None = None
    top: list[dict[str, Any]] = field(default_factory=list)
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    picture_url: str | None = None


class Alerts(Collection):
    """`project.alerts`: its rules."""

    def list(self) -> Iterator[AlertRule]:
        """All of them, oldest first."""
        return self._transport.pages(self._path(), lambda item: read(AlertRule, item), {"limit": None})

    def create(self, name: str, kind: str, parameters: dict[str, Any] | None = None, **more: Any) -> AlertRule:
        """Make one.

        Args:
            kind: `score`, `rate` or `silence`.
            parameters: of the kind; what is left out has its default.
            more: cooldown_seconds, active, webhooks, mail, webhook_picture.
        """
        body = {"name": name, "kind": kind, "parameters": parameters or {}, **more}
        return read(AlertRule, self._transport.json("POST", self._path(), body=body))

    def get(self, rule_id: str) -> AlertRule:
        """One of them."""
        return read(AlertRule, self._transport.json("GET", self._path(rule_id)))

    def update(self, rule: AlertRule, **changes: Any) -> AlertRule:
        """Change name, parameters (as a whole), cool-down, receivers, or whether it is active.

        Raises:
            ChangedMeanwhile: somebody else has changed the rule since it was read.
        """
        headers = {"If-Match": f'"{rule.revision}"'}
        return read(AlertRule, self._transport.json("PATCH", self._path(rule.id), body=changes, headers=headers))

    def delete(self, rule_id: str) -> None:
        """Delete one; its open incidents are over."""
        self._transport.json("DELETE", self._path(rule_id))

    def test(self, rule_id: str) -> dict[str, Any]:
        """Send a trial to all whom an incident would be told to; says to whom."""
        answer: dict[str, Any] = self._transport.json("POST", self._path(rule_id, "test"))
        return answer

    def _path(self, *parts: object) -> str:
        return path_of("projects", self._project, "alerts", *parts)


class Incidents(Collection):
    """`project.incidents`."""

    def list(self, state: str | None = None, rule: str | None = None, key: str | None = None) -> Iterator[Incident]:
        """Those in a state (`open`, `closed`), of a rule, of a key; the last to be noticed first."""
        wanted = {"state": state, "rule": rule, "key": key}
        return self._transport.pages(self._path(), lambda item: read(Incident, item), wanted)

    def get(self, incident_id: str) -> Incident:
        """One of them."""
        return read(Incident, self._transport.json("GET", self._path(incident_id)))

    def acknowledge(self, incident_id: str) -> Incident:
        """Say that one looks after it."""
        return read(Incident, self._transport.json("POST", self._path(incident_id, "acknowledge")))

    def picture(self, incident_id: str, target: Path) -> Path:
        """Save its picture, a PNG file."""
        return download(self._transport, self._path(incident_id, "picture"), target)

    def _path(self, *parts: object) -> str:
        return path_of("projects", self._project, "incidents", *parts)
