"""What can be told, and the words in which webhooks hear it."""

from __future__ import annotations

import json
import math
from enum import Enum
from typing import Any

from storage.alert_incidents import CLOSED, OPENED, TRIAL, Incident
from storage.database import Document
from storage.import_record import Import
from storage.job import Job, JobState
from storage.projects import Project
from storage.webhooks import Webhook
from utils import utc_now

TEST = "webhook.test"
CONFIRMATION = "email.confirmation"
ALERTS = (OPENED, CLOSED, TRIAL)


class EventType(str, Enum):
    """What somebody may ask to be told of: each state of a job, the beginning and the end of an incident."""

    QUEUED = "job.queued"
    RUNNING = "job.running"
    SUCCEEDED = "job.succeeded"
    FAILED = "job.failed"
    CANCELLED = "job.cancelled"
    OPENED = OPENED
    CLOSED = CLOSED


ALL_EVENTS = tuple(EventType)
MAIL_EVENTS = (EventType.SUCCEEDED.value, EventType.FAILED.value, OPENED, CLOSED)


def event_type(change: Document) -> str:
    """The type that a change of a job's state has."""
    return f"job.{change['state']}"


def job_message(job: Job, project: Project, change: Document, public_url: str) -> str:
    """The message about a change of state, as JSON.

    Args:
        public_url: what links begin with.
    """
    ended = JobState(change["state"]).ended
    links = {"job_url": f"{public_url}/api/v1/jobs/{job.id}", "model_url": None}
    if change["state"] == JobState.SUCCEEDED.value and job.model_id:
        links["model_url"] = f"{public_url}/api/v1/models/{job.model_id}"
    data = {
        "job_id": str(job.id),
        "project_id": str(project.id),
        "project_name": project.name,
        "state": change["state"],
        "attempt": change["attempt"],
        "reason": change["reason"],
        "quantizes": str(job.quantizes) if job.quantizes else None,
        "loads": job.loads["reference"] if job.loads else None,
        "metrics": {name: _finite(value) for name, value in job.metrics.items()} if ended else {},
        **links,
    }
    return _message(event_type(change), change["at"].isoformat(), data)


def prediction_type(record: Import) -> str:
    """The type of the message about the end of a prediction job."""
    return f"prediction.{record.state.value}"


def prediction_message(record: Import, public_url: str) -> str:
    """The message about the end of a prediction job, as JSON.

    Args:
        public_url: what links begin with.
    """
    url = f"{public_url}/api/v1/prediction-jobs/{record.id}"
    data = {
        "prediction_job_id": str(record.id),
        "project_name": record.options.get("project"),
        "state": record.state.value,
        "reason": record.error,
        "rows": record.counts.get("rows", 0),
        "job_url": url,
        "result_url": f"{url}/result" if record.report else None,
    }
    return _message(prediction_type(record), (record.finished_at or utc_now()).isoformat(), data)


def alert_message(incident: Incident, project: Project, change: Document, public_url: str) -> str:
    """The message about the beginning or the end of an incident, or a trial of its rule, as JSON.

    Args:
        public_url: what links begin with.
    """
    url = f"{public_url}/api/v1/projects/{project.id}/incidents/{incident.id}"
    is_trial, is_over = change["type"] == TRIAL, change["type"] == CLOSED
    ended_at = incident.ended_at if is_over else None
    data = {
        "incident_id": None if is_trial else str(incident.id),
        "project_id": str(project.id),
        "project_name": project.name,
        "rule_id": str(incident.rule_id),
        "rule_name": incident.rule_name,
        "kind": incident.kind,
        "key": None if is_trial else incident.key,
        "began_at": incident.began_at.isoformat(),
        "ended_at": ended_at.isoformat() if ended_at else None,
        "duration_seconds": (ended_at - incident.began_at).total_seconds() if ended_at else None,
        "reason": incident.reason if is_over else None,
        "rows": incident.rows,
        "worst_score": _finite(incident.worst),
        "top": [{"sensor": name, "share": share} for name, share in incident.top],
        "incident_url": None if is_trial else url,
        "picture_url": f"{url}/picture" if incident.has_rows and not is_trial else None,
        "picture_base64": None,
    }
    return _message(change["type"], change["at"].isoformat(), data)


def trial_message(webhook: Webhook, project: Project) -> str:
    """A message that says nothing but that it arrives."""
    data = {"webhook_id": str(webhook.id), "project_id": str(project.id), "project_name": project.name}
    return _message(TEST, utc_now().isoformat(), data)


def confirmation_message(address: str) -> str:
    """A note that this address is to be asked; its code is made when the mail is sent."""
    return _message(CONFIRMATION, utc_now().isoformat(), {"address": address})


def _message(type: str, timestamp: str, data: dict[str, Any]) -> str:
    return json.dumps({"type": type, "timestamp": timestamp, "data": data}, allow_nan=False)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
