"""From incidents with something to tell to deliveries, with a picture drawn before."""

from __future__ import annotations

import logging
import time

from bson import ObjectId

from alerts.pictures import draw
from notifications.events import MAIL_EVENTS, alert_message
from settings import Settings
from storage.alert_incidents import OPENED, TRIAL, Incident
from storage.alert_rules import AlertRule
from storage.database import Document
from storage.mailboxes import Mailbox
from storage.projects import Project
from storage.store import Store
from storage.webhooks import Webhook
from utils import Unavailable

logger = logging.getLogger(__name__)

# Longer than drawing takes; after that an incident is taken from a teller that is gone.
LEASE_SECONDS = 60.0
# After a mail of a rule the next one waits that long, and tells of all keys that were affected meanwhile. For as long
# only the first is drawn before it is told: of a thousand that fail together, the last would be told half an hour late.
APART_SECONDS = 60.0
_DRAWING_SECONDS = 1.0


class AlertTeller:
    """Makes deliveries. Any number of workers may do it at once: a change has one delivery a receiver."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        lease_seconds: float = LEASE_SECONDS,
        apart_seconds: float = APART_SECONDS,
    ):
        self._store = store
        self._settings = settings
        self._public_url = settings.public_url.rstrip("/")
        self._lease_seconds = lease_seconds
        self._apart_seconds = apart_seconds
        self._drawn_at: dict[ObjectId, float] = {}

    def tell_all(self) -> None:
        """Tell what is untold."""
        while incident := self._store.alert_incidents.claim_untold(self._lease_seconds):
            try:
                self.tell(incident)
            except Unavailable:
                raise
            except Exception:  # one odd record must not keep others from being told; after its lease it is tried again
                logger.exception("incident %s: could not be told, trying again", incident.id)

    def tell(self, incident: Incident) -> None:
        """Make the deliveries of one incident, in the order of its changes, then note that."""
        project = self._store.projects.get(incident.project_id)
        told, undrawn = incident.told or (), False
        if project:
            changes = [change for change in incident.changes if change["seq"] > incident.told_up_to]
            types = {change["type"] for change in changes}
            wanted = incident.has_rows and bool(types & {OPENED, TRIAL})
            undrawn = wanted and TRIAL not in types and not self._may_draw(incident)
            is_drawn = wanted and not undrawn and draw(self._store, incident, project)
            for change in changes:
                told = self._tell(incident, project, change, told, is_drawn)
        self._store.alert_incidents.note_told(incident, told, undrawn)

    def draw_some(self) -> None:
        """Draw incidents that were told undrawn, for about a second."""
        ends = time.monotonic() + _DRAWING_SECONDS
        while time.monotonic() < ends and (incident := self._store.alert_incidents.claim_undrawn(self._lease_seconds)):
            if project := self._store.projects.get(incident.project_id):
                draw(self._store, incident, project)
            self._store.alert_incidents.note_drawn(incident.id)

    def _may_draw(self, incident: Incident) -> bool:
        """Whether there is time for it before it is told."""
        now = time.monotonic()
        self._drawn_at = {id: at for id, at in self._drawn_at.items() if now - at < self._apart_seconds}
        return self._drawn_at.setdefault(incident.rule_id, now) == now

    def _tell(
        self, incident: Incident, project: Project, change: Document, told: tuple[ObjectId, ...], is_drawn: bool
    ) -> tuple[ObjectId, ...]:
        """Tell one change; gives the lanes that know of the incident then. Of an end only those hear that knew."""
        rule = self._store.alert_rules.current([incident.rule_id]).get(incident.rule_id)
        type, body = change["type"], alert_message(incident, project, change, self._public_url)
        if type in (OPENED, TRIAL):
            lanes = receivers(self._store, self._settings, rule, project, type) if rule else ()
            told = lanes
        else:
            lanes = tuple(lane for lane in told if self._wants(lane, project, type))
        is_shown = is_drawn and type in (OPENED, TRIAL)
        for lane_id in lanes:
            is_mail = lane_id == project.owner_id
            with_picture = is_shown and (is_mail or bool(rule and rule.webhook_picture))
            self._store.deliveries.add(
                lane_id, project.owner_id, type, body, project.id,
                seq=change["seq"], incident_id=incident.id, with_picture=with_picture,
                group=incident.rule_id if is_mail and type != TRIAL else None, apart_seconds=self._apart_seconds,
            )  # fmt: skip
            (self._store.mail_lanes if is_mail else self._store.webhook_lanes).wake(lane_id)
        return told

    def _wants(self, lane_id: ObjectId, project: Project, type: str) -> bool:
        if lane_id == project.owner_id:
            return self._settings.sends_mail and wants_mail(self._store.mailboxes.get(lane_id), type)
        webhook = self._store.webhooks.find(lane_id)
        return bool(webhook and webhook.active and type in webhook.events)


def receivers(
    store: Store, settings: Settings, rule: AlertRule, project: Project, type: str = OPENED
) -> tuple[ObjectId, ...]:
    """Ids of the webhooks that a rule tells, and of the project's owner where that is by mail.

    Args:
        type: of the event; a trial goes to those that an incident would.
    """
    wanted = OPENED if type == TRIAL else type
    lanes = [webhook.id for webhook in store.webhooks.list_of(project.id) if _is_told(webhook, rule, wanted)]
    if rule.mail and settings.sends_mail and wants_mail(store.mailboxes.get(project.owner_id), wanted):
        lanes.append(project.owner_id)
    return tuple(lanes)


def wants_mail(mailbox: Mailbox, type: str) -> bool:
    """Whether a user has an address, and wants mail about events of a type."""
    return mailbox.email is not None and type in (MAIL_EVENTS if mailbox.events is None else mailbox.events)


def _is_told(webhook: Webhook, rule: AlertRule, type: str) -> bool:
    is_named = rule.webhooks is None or webhook.id in rule.webhooks
    return webhook.active and type in webhook.events and is_named


def try_out(store: Store, rule: AlertRule) -> None:
    """Have a trial told to the receivers of a rule, with the rows of the project's last incident as its picture."""
    last = store.alert_incidents.list_of(rule.project_id, 1)
    rows = store.alert_incidents.packed_rows(last[0].id) if last else None
    store.alert_incidents.try_out(rule, rows)
