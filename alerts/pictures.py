"""The picture of an incident: the last rows of its key, as the project's judge saw them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from alerts.rows import unpack
from storage.alert_incidents import Incident
from storage.projects import Project
from storage.store import Store

logger = logging.getLogger(__name__)

MOST_BYTES = 4 * 1024 * 1024
_SHOWN: Sequence[str] = ("series", "score", "contributions")
_MOST_TITLE_CHARACTERS = 100


def draw(store: Store, incident: Incident, project: Project) -> bool:
    """Draw an incident and keep the picture with it; false when it has none, since it cannot be drawn."""
    rows = store.alert_incidents.packed_rows(incident.id)
    if incident.has_picture or rows is None:
        return incident.has_picture
    try:
        picture = _png(rows, f"{incident.key} of {project.name}: {incident.rule_name}"[:_MOST_TITLE_CHARACTERS])
    except Exception:  # whatever is odd about the rows, the incident is told all the same
        logger.exception("incident %s: could not be drawn", incident.id)
        return False
    if len(picture) > MOST_BYTES:
        logger.warning("incident %s: its picture has %d bytes, and is left out", incident.id, len(picture))
        return False
    store.alert_incidents.keep_picture(incident.id, picture)
    return True


def _png(rows: bytes, title: str) -> bytes:
    # What draws is loaded by the first process that has something to draw, and by no other.
    from inference.anomaly.figures import png
    from inference.anomaly.judging import Judged

    return png(_SHOWN, [Judged.of(row) for row in unpack([rows])], title)
