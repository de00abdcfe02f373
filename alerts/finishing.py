"""Carries out what a state says is to be done about incidents. Done twice it is as done once."""

from __future__ import annotations

from bson import ObjectId

from alerts.rows import pack, unpack
from storage.alert_states import AlertState
from storage.database import Document
from storage.store import Store

REPLACED = "another incident of the same rule and key began"


def finish(store: Store, state: AlertState) -> None:
    """Carry out the intents of a key, as they are in the database by now."""
    intents = store.alert_states.intents_of(state.id)
    for intent in intents:
        if intent["what"] == "open":
            _open(store, state, intent)
        else:
            store.alert_incidents.close(intent["incident_id"], intent["found"])
    if intents:
        store.alert_states.settle(state.id, intents)


def _open(store: Store, state: AlertState, intent: Document) -> None:
    """Open an incident, unless its rule is not any more what it was."""
    rule_id: ObjectId = intent["rule_id"]
    rule = store.alert_rules.current([rule_id]).get(rule_id)
    found = dict(intent["found"])
    if rule is None or not rule.active or rule.edition != found.pop("edition"):
        return
    rows = unpack(store.alert_states.rows(state.id))
    packed = pack(rows) if rows else None
    id: ObjectId = intent["incident_id"]
    while not store.alert_incidents.open(rule, id, state.key, found, packed):
        # Left from a time of which the state knows nothing: the key was forgotten, or the rule another.
        store.alert_incidents.close_key(rule_id, state.key, REPLACED)


def close_stale(store: Store) -> None:
    """End incidents of rules that were changed, switched off or deleted since."""
    editions = store.alert_incidents.open_editions()
    rules = store.alert_rules.current([rule_id for rule_id, _ in editions]) if editions else {}
    for rule_id, edition in editions:
        rule = rules.get(rule_id)
        if rule is None:
            store.alert_incidents.close_edition(rule_id, edition, "the rule was deleted")
        elif not rule.active:
            store.alert_incidents.close_edition(rule_id, edition, "the rule was switched off")
        elif rule.edition != edition:
            store.alert_incidents.close_edition(rule_id, edition, "the rule was changed")
