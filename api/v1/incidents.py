"""`/api/v1/projects/<project>/incidents`: what the alert rules of a project have found."""

from __future__ import annotations

import hashlib
import math
from typing import Any

from flask import Response

from api.downloads import Download
from api.operation import Content, Page, operation
from api.pagination import page, position
from api.v1.alert_schemas import IncidentShown, IncidentsQuery
from api.v1.located import ProjectResource
from storage.alert_incidents import BY_OPENING, Incident
from storage.database import object_id
from storage.order import Place
from utils import NotFound


class ProjectIncidents(ProjectResource):
    """The base of all that belongs to a project's incidents."""

    def incident(self, incident_id: str) -> Incident:
        """The incident of this id.

        Raises:
            NotFound: the project has none.
        """
        return self.services.store.alert_incidents.get(self.project.id, object_id(incident_id, "incident"))

    def shown(self, *incidents: Incident) -> list[dict[str, Any]]:
        """Incidents with the names of those who have acknowledged them."""
        users = {incident.acknowledged_by for incident in incidents if incident.acknowledged_by}
        names = self.services.store.users.names(users) if users else {}
        return [
            _shown(incident, names.get(incident.acknowledged_by) if incident.acknowledged_by else None)
            for incident in incidents
        ]


class IncidentList(ProjectIncidents):
    """The incidents of a project: open ones, and ended ones for a year."""

    @operation(takes=IncidentsQuery, gives=Page[IncidentShown])
    def get(self, query: IncidentsQuery) -> dict[str, Any]:
        """List them, the last to be noticed first."""
        wanted: dict[str, Any] = {"key": query.key} if query.key is not None else {}
        if query.rule is not None:
            wanted["rule_id"] = object_id(query.rule, "alert rule")
        found = self.services.store.alert_incidents.list_of(
            self.project.id,
            query.limit + 1,
            position(query.cursor, BY_OPENING),
            wanted,
            None if query.state is None else query.state == "open",
        )
        shown = page(
            found,
            query.limit,
            show=lambda one: one,
            place=lambda one: Place(one.opened_at, one.id),
            order=BY_OPENING,
        )
        return {**shown, "items": self.shown(*shown["items"])}


class IncidentItem(ProjectIncidents):
    """One incident."""

    @operation(gives=IncidentShown)
    def get(self, incident_id: str) -> dict[str, Any]:
        """When it began and ended, and what was the worst."""
        return self.shown(self.incident(incident_id))[0]


class IncidentPicture(ProjectIncidents):
    """The picture of an incident."""

    @operation(
        gives=Content("image/png"),
        errors=(404,),
        headers={"ETag": "SHA-256 of the picture", "Accept-Ranges": "bytes"},
    )
    def get(self, incident_id: str) -> Response:
        """The rows of its key around its beginning: values, score, and which sensors had a share in it."""
        incident = self.incident(incident_id)
        picture = self.services.store.alert_incidents.picture(incident.id)
        if picture is None:
            later = ": a worker draws it, try again in a moment" if incident.has_rows else ", since no rows were kept"
            raise NotFound(f"the incident '{incident.id}' has no picture{later}")
        return Download(
            name=f"incident-{incident.id}.png",
            media_type="image/png",
            size=len(picture),
            tag=hashlib.sha256(picture).hexdigest(),
            read=lambda start, stop: iter([picture[start:stop]]),
        ).answer()


class IncidentAcknowledgement(ProjectIncidents):
    """That somebody looks after an incident."""

    @operation(gives=IncidentShown)
    def post(self, incident_id: str) -> dict[str, Any]:
        """Say so; who was the first stays, and it goes on until its rows are as they should be."""
        incident = self.incident(incident_id)
        return self.shown(self.services.store.alert_incidents.acknowledge(incident, self.user.id))[0]


def _shown(incident: Incident, acknowledged_by: str | None) -> dict[str, Any]:
    ended_at = incident.ended_at
    url = f"/api/v1/projects/{incident.project_id}/incidents/{incident.id}/picture"
    return {
        "id": str(incident.id),
        "project_id": str(incident.project_id),
        "rule_id": str(incident.rule_id),
        "rule_name": incident.rule_name,
        "kind": incident.kind,
        "key": incident.key,
        "state": "closed" if incident.closed_at else "open",
        "began_at": incident.began_at.isoformat(),
        "ended_at": _iso(ended_at),
        "duration_seconds": (ended_at - incident.began_at).total_seconds() if ended_at else None,
        "opened_at": incident.opened_at.isoformat(),
        "closed_at": _iso(incident.closed_at),
        "reason": incident.reason,
        "rows": incident.rows,
        "worst_score": incident.worst if incident.worst is not None and math.isfinite(incident.worst) else None,
        "top": [{"sensor": name, "share": share} for name, share in incident.top],
        "acknowledged_at": _iso(incident.acknowledged_at),
        "acknowledged_by": acknowledged_by,
        "picture_url": url if incident.has_picture else None,
    }


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment else None
