"""Incidents that are told: once when they begin, with a picture, and once when they are over, to those who know."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.message import EmailMessage

import pytest

from alerts.reporter import Reporter
from alerts.telling import AlertTeller, try_out
from alerts.watching import Watcher
from settings import Settings
from storage.projects import Project
from storage.store import Store
from storage.users import User
from tests.alerts.conftest import a_row, a_rule, incidents, rows
from tests.alerts.test_watching import CALM, ODD
from tests.conftest import wait_until
from tests.notifications.conftest import LOOK_SECONDS, a_webhook
from tests.notifications.receivers import Receiver
from tests.notifications.test_mails import ADDRESS, Postbox, mailing
from utils import Unavailable

PNG = b"\x89PNG\r\n\x1a\n"


@contextmanager
def reporting(store: Store, settings: Settings) -> Iterator[Watcher]:
    """What a worker has for alerts and for messages, at work."""
    stop = threading.Event()
    watcher = Watcher(store, settings)
    reporter = Reporter(watcher, AlertTeller(store, settings), stop, LOOK_SECONDS)
    with mailing(store, settings):
        reporter.thread.start()
        try:
            yield watcher
        finally:
            stop.set()
            reporter.thread.join()


def parts_of(mail: EmailMessage) -> dict[str, bytes]:
    """The contents of a mail by media type."""
    parts = (part for part in mail.walk() if not part.is_multipart())
    return {part.get_content_type(): bytes(part.get_payload(decode=True)) for part in parts}


def test_an_incident_is_told_once_with_its_picture_and_its_end_once(
    store: Store, mail_settings: Settings, postbox: Postbox, ada: User, project: Project, inbox: Receiver
):
    a_webhook(store, project, inbox.url)
    rule = a_rule(store, project, webhook_picture=True)
    with reporting(store, mail_settings) as watcher:
        watcher.observe(project.id, "pump 1", ODD)
        (opened,) = inbox.wait_for(1)
        wait_until(lambda: len(postbox.mails) == 1)
        watcher.observe(project.id, "pump 1", rows(9, begin=5))
        watcher.observe(project.id, "pump 1", CALM)
        opened, closed = inbox.wait_for(2)
        wait_until(lambda: len(postbox.mails) == 2)
    (incident,) = incidents(store, project)
    data = opened.message["data"]
    assert (opened.message["type"], closed.message["type"]) == ("alert.opened", "alert.closed")
    assert (data["key"], data["rule_id"], data["rows"], data["worst_score"]) == ("pump 1", str(rule.id), 3, 5)
    assert data["top"] == [{"sensor": "bearing", "share": 0.75}, {"sensor": "oil", "share": 0.25}]
    assert data["incident_url"] == f"https://diyml.example/api/v1/projects/{project.id}/incidents/{incident.id}"
    assert data["picture_url"] == f"{data['incident_url']}/picture"
    assert (data["ended_at"], data["duration_seconds"]) == (None, None)
    picture = store.alert_incidents.picture(incident.id)
    assert picture
    assert picture.startswith(PNG)
    assert base64.b64decode(data["picture_base64"]) == picture
    told = closed.message["data"]
    assert (told["duration_seconds"], told["rows"], told["worst_score"]) == (11, 4, 9)
    assert (told["reason"], told["picture_base64"]) == ("the rows are as they should be again", None)
    first, second = postbox.mails
    assert (first["To"], first["Subject"]) == (ADDRESS, "Alert: 'pump 1' of 'pumps' (bearings)")
    assert parts_of(first)["image/png"] == picture
    text = parts_of(first)["text/plain"].decode()
    assert "Worst score: 5 (1 is the threshold)" in text
    assert "bearing: 75%" in text
    assert second["Subject"] == "Over: 'pump 1' of 'pumps' (bearings)"
    assert "Lasted: 11 s" in second.get_content()


def told(store: Store, project: Project) -> list[tuple[str, str]]:
    """Receivers and types of all messages about a project, in the order in which they were made."""
    rows = store.database["deliveries"].find({"project_id": project.id}).sort([("created_at", 1), ("seq", 1)])
    owner = project.owner_id
    return [("mail" if row["lane_id"] == owner else str(row["lane_id"]), row["type"]) for row in rows]


def test_a_rule_names_its_receivers(store: Store, mail_settings: Settings, ada: User, project: Project):
    hooks = [a_webhook(store, project, "https://93.184.215.14/") for _ in range(3)]
    deaf = a_webhook(store, project, "https://93.184.215.14/", ("job.failed",))
    store.webhooks.change(hooks[2], {"active": False})
    rule = a_rule(store, project, webhooks=[hooks[1].id, hooks[2].id, deaf.id], mail=False)
    watcher, teller = Watcher(store, mail_settings), AlertTeller(store, mail_settings)
    watcher.observe(project.id, "pump 1", ODD)
    teller.tell_all()
    assert told(store, project) == [(str(hooks[1].id), "alert.opened")]
    # Whoever heard of the beginning hears of the end, and nobody else.
    store.alert_rules.change(rule, {"webhooks": [hooks[0].id], "mail": True})
    watcher.observe(project.id, "pump 1", CALM)
    teller.tell_all()
    assert told(store, project) == [(str(hooks[1].id), "alert.opened"), (str(hooks[1].id), "alert.closed")]


def test_the_end_of_a_deleted_rules_incident_is_told_too(store: Store, settings: Settings, project: Project):
    hook = a_webhook(store, project, "https://93.184.215.14/")
    rule = a_rule(store, project)
    watcher, teller = Watcher(store, settings), AlertTeller(store, settings)
    watcher.observe(project.id, "pump 1", ODD)
    teller.tell_all()
    store.alert_rules.delete(rule)
    watcher.tick()
    teller.tell_all()
    assert told(store, project) == [(str(hook.id), "alert.opened"), (str(hook.id), "alert.closed")]


def test_an_owner_who_wants_no_such_mail_gets_none(store: Store, mail_settings: Settings, ada: User, project: Project):
    store.mailboxes.set_events(ada.id, ("alert.closed", "job.failed"))
    a_rule(store, project)
    Watcher(store, mail_settings).observe(project.id, "pump 1", [*ODD, *CALM])
    AlertTeller(store, mail_settings).tell_all()
    assert told(store, project) == []


def test_what_a_teller_had_begun_when_it_died_is_told_once(
    store: Store, settings: Settings, project: Project, monkeypatch: pytest.MonkeyPatch
):
    hook = a_webhook(store, project, "https://93.184.215.14/")
    a_rule(store, project)
    watcher = Watcher(store, settings)
    watcher.observe(project.id, "pump 1", ODD)
    with monkeypatch.context() as patch:
        patch.setattr(store.alert_incidents, "note_told", _is_silent)
        with pytest.raises(Unavailable):
            AlertTeller(store, settings, lease_seconds=0).tell_all()
    watcher.observe(project.id, "pump 1", CALM)
    AlertTeller(store, settings).tell_all()
    assert told(store, project) == [(str(hook.id), "alert.opened"), (str(hook.id), "alert.closed")]
    assert store.alert_incidents.claim_untold(0) is None


def _is_silent(*_: object) -> None:
    raise Unavailable("the database does not answer")


def test_tellers_at_once_tell_each_change_once(store: Store, settings: Settings, project: Project):
    hook = a_webhook(store, project, "https://93.184.215.14/")
    a_rule(store, project)
    watcher = Watcher(store, settings)
    keys = [f"pump {number}" for number in range(6)]
    for key in keys:
        watcher.observe(project.id, key, [a_row(2, None) for _ in range(3)])
        store.database["alert_incidents"].update_many({}, {"$unset": {"rows_packed": ""}, "$set": {"has_rows": False}})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: AlertTeller(store, settings, lease_seconds=0.01).tell_all(), range(4)))
    assert told(store, project) == [(str(hook.id), "alert.opened")] * len(keys)


def test_rows_that_cannot_be_drawn_keep_nothing_from_being_told(
    store: Store, settings: Settings, project: Project, caplog: pytest.LogCaptureFixture
):
    a_webhook(store, project, "https://93.184.215.14/")
    a_rule(store, project)
    Watcher(store, settings).observe(project.id, "pump 1", ODD)
    store.database["alert_incidents"].update_one({}, {"$set": {"rows_packed": b"no rows"}})
    AlertTeller(store, settings).tell_all()
    assert "could not be drawn" in caplog.text
    (delivery,) = store.database["deliveries"].find()
    assert delivery["with_picture"] is False


def test_a_rule_is_tried_out_with_the_last_incidents_picture(
    store: Store, mail_settings: Settings, postbox: Postbox, ada: User, project: Project, inbox: Receiver
):
    a_webhook(store, project, inbox.url)
    rule = a_rule(store, project)
    Watcher(store, mail_settings).observe(project.id, "pump 1", ODD)
    store.database["alert_incidents"].update_many({}, {"$unset": {"untold": ""}})
    with reporting(store, mail_settings):
        try_out(store, rule)
        (request,) = inbox.wait_for(1)
        wait_until(lambda: postbox.mails)
    data = request.message["data"]
    assert (request.message["type"], data["incident_id"], data["key"], data["incident_url"]) == (
        "alert.test",
        None,
        None,
        None,
    )
    (mail,) = postbox.mails
    assert mail["Subject"] == "A trial of the alert rule 'bearings' of 'pumps'"
    assert parts_of(mail)["image/png"].startswith(PNG)
    assert len(incidents(store, project)) == 1
