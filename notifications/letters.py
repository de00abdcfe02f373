"""What mails say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from storage.alert_incidents import CLOSED, OPENED, TRIAL
from storage.deliveries import Delivery

_WHY = "You get this mail because you asked DIYML to tell you. PATCH /api/v1/me changes that."
_HEADLINES = {
    "queued": "The {job} of {project} waits in the queue",
    "running": "The {job} of {project} has begun",
    "succeeded": "The {job} of {project} has succeeded",
    "failed": "The {job} of {project} has failed",
    "cancelled": "The {job} of {project} was cancelled",
}


_ALERTS = {
    OPENED: "Alert: '{key}' of '{project_name}' ({rule_name})",
    CLOSED: "Over: '{key}' of '{project_name}' ({rule_name})",
    TRIAL: "A trial of the alert rule '{rule_name}' of '{project_name}'",
}
_SEVERAL = {
    OPENED: "Alert: {count:,} keys of '{project_name}' ({rule_name})",
    CLOSED: "Over: {count:,} keys of '{project_name}' ({rule_name})",
}
_WHY_ALERT = (
    "You get this mail because an alert rule of your project tells you. PATCH /api/v1/me or the rule changes that."
)
_MOST_CHARACTERS = 100
# Keys that one mail lists.
MOST_KEYS = 20


@dataclass(frozen=True)
class Letter:
    """A subject in one line, and plain text.

    Attributes:
        picture_of: incident whose picture goes along; None for none.
    """

    subject: str
    text: str
    picture_of: ObjectId | None = None


def confirmation(code: str, username: str) -> Letter:
    """Asks whether the address is the user's."""
    text = (
        f"Somebody, probably you, wants mail of the DIYML account '{username}' to come to this address.\n\n"
        f"If that is right, confirm it within an hour with this code:\n\n    {code}\n\n"
        "as `code` in POST /api/v1/me/email/confirm. If it is not, do nothing, and no more mail will come.\n"
    )
    return Letter("Confirm your address for DIYML", text)


def job_letter(delivery: Delivery) -> Letter:
    """Tells of a change of a training's state."""
    data: dict[str, Any] = json.loads(delivery.body)["data"]
    # A message of an earlier version, which waits since then, is of a training.
    job = "quantisation" if data.get("quantizes") else "loading" if data.get("loads") else "training"
    headline = _HEADLINES[data["state"]].format(job=job, project=f"'{data['project_name']}'")
    parts = [f"{headline}."]
    if data["reason"]:
        parts.append(f"The reason: {data['reason']}")
    if data["metrics"]:
        parts.append("\n".join(f"{name}: {_number(value)}" for name, value in data["metrics"].items()))
    if data["model_url"]:
        parts.append(f"The model: {data['model_url']}")
    parts.append(f"The {job}: {data['job_url']}")
    return Letter(" ".join(headline.split()), "\n\n".join([*parts, _WHY]) + "\n")


def alert_letter(delivery: Delivery) -> Letter:
    """Tells of the beginning or the end of an incident, or tries a rule out."""
    data: dict[str, Any] = json.loads(delivery.body)["data"]
    headline = _ALERTS[delivery.type].format(**_names(data))
    told = {"The kind": data["kind"], "Began": data["began_at"]}
    if data["ended_at"]:
        told |= {
            "Ended": data["ended_at"],
            "Lasted": _duration(data["duration_seconds"]),
            "Over because": data["reason"],
        }
    if data["worst_score"] is not None:
        told |= {"Rows": data["rows"], "Worst score": f"{_number(data['worst_score'])} (1 is the threshold)"}
    parts = [f"{headline}.", "\n".join(f"{name}: {value}" for name, value in told.items())]
    if data["top"]:
        shares = (f"{item['sensor']}: {item['share']:.0%}" for item in data["top"])
        parts.append("\n".join(["What has the largest share in that score:", *shares]))
    if data["incident_url"]:
        parts.append(f"The incident: {data['incident_url']}")
    picture_of = delivery.incident_id if delivery.with_picture else None
    return Letter(" ".join(headline.split()), "\n\n".join([*parts, _WHY_ALERT]) + "\n", picture_of)


def alerts_letter(deliveries: Sequence[Delivery], count: int) -> Letter:
    """Tells of the beginning, or the end, of several incidents of one rule.

    Args:
        deliveries: those that are listed.
        count: how many there are.
    """
    told: list[dict[str, Any]] = [json.loads(delivery.body)["data"] for delivery in deliveries]
    headline = _SEVERAL[deliveries[0].type].format(count=count, **_names(told[0]))
    lines = [_line(data) for data in told]
    if count > len(told):
        lines.append(f"... and {count - len(told):,} more")
    parts = [f"{headline}.", "\n".join(lines)]
    pictured = next((at for at, delivery in enumerate(deliveries) if delivery.with_picture), None)
    if pictured is not None:
        parts.append(f"The picture shows '{_cut(told[pictured]['key'])}'.")
    parts.append(f"All of them: {told[0]['incident_url'].rpartition('/')[0]}?rule={told[0]['rule_id']}")
    picture_of = None if pictured is None else deliveries[pictured].incident_id
    return Letter(" ".join(headline.split()), "\n\n".join([*parts, _WHY_ALERT]) + "\n", picture_of)


def _line(data: dict[str, Any]) -> str:
    """One incident of several."""
    score = "" if data["worst_score"] is None else f", worst score {_number(data['worst_score'])}"
    lasted = f", lasted {_duration(data['duration_seconds'])}" if data["ended_at"] else ""
    return f"{' '.join(_cut(data['key']).split())}: began {data['began_at']}{lasted}{score}"


def _names(data: dict[str, Any]) -> dict[str, str]:
    return {name: _cut(str(data[name])) for name in ("key", "rule_name", "project_name")}


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "min"), (left, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "less than a second"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "unknown" if value is None else str(value)
