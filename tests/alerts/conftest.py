"""Projects with alert rules, and judged rows."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from alerts.kinds import KINDS
from inference.anomaly.judging import Judged
from storage.alert_incidents import Incident
from storage.alert_rules import AlertRule
from storage.projects import Project
from storage.store import Store
from tests.notifications.conftest import a_project, inbox, settings
from tests.notifications.test_mails import ada, mail_settings, postbox

__all__ = ["ada", "inbox", "mail_settings", "postbox", "settings"]

BEGIN = datetime(2026, 5, 4, 10, 0, tzinfo=timezone.utc).timestamp()
# Three of five rows over the threshold; over when five in a row are under 0.9.
SCORE = {"level": 1.0, "rows": 3, "of": 5}


def a_row(score: float, second: float | None = None, warming_up: bool = False) -> Judged:
    """A row that two sensors have a share in."""
    at = None if second is None else datetime.fromtimestamp(BEGIN + second, timezone.utc).isoformat()
    values = {"bearing": score, "oil": 1.0}
    return Judged(score, score > 1, {"bearing": 0.75, "oil": 0.25}, values, at, False, warming_up)


def rows(*scores: float, begin: float | None = 0) -> list[Judged]:
    """Rows, a second apart; without times when `begin` is None."""
    return [a_row(score, None if begin is None else begin + number) for number, score in enumerate(scores)]


def a_rule(store: Store, project: Project, kind: str = "score", **given: Any) -> AlertRule:
    """A rule with no cool-down; `parameters` may be among what is given."""
    wanted = given.pop("parameters", SCORE if kind == "score" else {})
    parameters = KINDS[kind].parameters.model_validate(wanted).model_dump()
    fields: dict[str, Any] = {"name": "bearings", "kind": kind, "parameters": parameters, "cooldown_seconds": 0.0}
    fields |= {"active": True, "webhooks": None, "mail": True, "webhook_picture": False}
    return store.alert_rules.create(project, {**fields, **given})


def incidents(store: Store, project: Project) -> list[Incident]:
    """All of a project, the oldest first."""
    return store.alert_incidents.list_of(project.id, 100)[::-1]


@pytest.fixture
def project(store: Store) -> Project:
    """Ada's project of rows."""
    return a_project(store, "pumps")
