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
from storage.deliveries import DeliveryState
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


def many_open(store: Store, settings: Settings, project: Project, count: int, first: int = 0) -> None:
    """Incidents of so many keys, told by a teller."""
    watcher = Watcher(store, settings)
    for number in range(first, first + count):
        watcher.observe(project.id, f"pump {number}", ODD)
    AlertTeller(store, settings).tell_all()


def states_of_mails(store: Store, project: Project) -> list[str]:
    rows = store.database["deliveries"].find({"project_id": project.id})
    return [str(row["state"]) for row in rows]


def test_keys_that_fail_together_are_told_in_one_mail_that_lists_some_and_counts_the_others(
    store: Store, mail_settings: Settings, postbox: Postbox, ada: User, project: Project
):
    a_rule(store, project)
    many_open(store, mail_settings, project, 23)
    with mailing(store, mail_settings):
        wait_until(lambda: states_of_mails(store, project) == ["delivered"] * 23)
    (mail,) = postbox.mails
    assert mail["Subject"] == "Alert: 23 keys of 'pumps' (bearings)"
    text = parts_of(mail)["text/plain"].decode().replace("\r\n", "\n")
    listed = [line.partition(":")[0] for line in text.split("\n") if ": began 2026-05-04T10:00:0" in line]
    assert listed == [f"pump {number}" for number in range(20)]
    assert "... and 3 more" in text
    assert f"https://diyml.example/api/v1/projects/{project.id}/incidents?rule=" in text
    assert parts_of(mail)["image/png"].startswith(PNG)
    assert "The picture shows 'pump 0'" in text


def test_after_a_mail_of_a_rule_the_next_one_waits_for_others_and_those_of_another_rule_do_not(
    store: Store, mail_settings: Settings, postbox: Postbox, ada: User, project: Project
):
    a_rule(store, project)
    with mailing(store, mail_settings):
        many_open(store, mail_settings, project, 1)
        wait_until(lambda: states_of_mails(store, project) == ["delivered"])
    a_rule(store, project, name="oil")
    many_open(store, mail_settings, project, 2, first=1)
    with mailing(store, mail_settings):
        wait_until(lambda: len(postbox.mails) == 2)
    waiting = list(store.database["deliveries"].find({"state": "waiting"}))
    last = store.database["deliveries"].find_one({"state": "delivered"}, sort=[("_id", 1)])
    assert [mail["Subject"] for mail in postbox.mails] == [
        "Alert: 'pump 0' of 'pumps' (bearings)",
        "Alert: 2 keys of 'pumps' (oil)",
    ]
    assert last
    assert len(waiting) == 2
    store.database["deliveries"].update_many({"state": "waiting"}, {"$set": {"due_at": last["created_at"]}})
    store.mail_lanes.wake(ada.id)
    with mailing(store, mail_settings):
        wait_until(lambda: len(postbox.mails) == 3)
    assert postbox.mails[2]["Subject"] == "Alert: 2 keys of 'pumps' (bearings)"


def test_a_mail_about_many_keys_that_the_server_refuses_is_tried_again_with_all_of_them(
    store: Store, mail_settings: Settings, postbox: Postbox, ada: User, project: Project
):
    a_rule(store, project)
    many_open(store, mail_settings, project, 3)
    postbox.answer = "451 later"
    with mailing(store, mail_settings):
        wait_until(lambda: postbox.tries >= 2)
        postbox.answer = "250 OK"
        wait_until(lambda: states_of_mails(store, project) == ["delivered"] * 3)
    assert [mail["Subject"] for mail in postbox.mails] == ["Alert: 3 keys of 'pumps' (bearings)"]
    assert store.database["deliveries"].distinct("tries") == [postbox.tries]


def test_ends_are_told_together_too_and_none_before_its_beginning(
    store: Store, mail_settings: Settings, postbox: Postbox, ada: User, project: Project
):
    a_rule(store, project)
    many_open(store, mail_settings, project, 3)
    watcher = Watcher(store, mail_settings)
    for number in range(3):
        watcher.observe(project.id, f"pump {number}", CALM)
    AlertTeller(store, mail_settings).tell_all()
    with mailing(store, mail_settings):
        wait_until(lambda: states_of_mails(store, project) == ["delivered"] * 6)
    assert [mail["Subject"] for mail in postbox.mails] == [
        "Alert: 3 keys of 'pumps' (bearings)",
        "Over: 3 keys of 'pumps' (bearings)",
    ]
    assert "pump 2: began 2026-05-04T10:00:03" in postbox.mails[1].get_content()


def test_a_sender_that_is_gone_leaves_all_keys_of_its_mail_to_the_next_one(
    store: Store, mail_settings: Settings, ada: User, project: Project
):
    a_rule(store, project)
    many_open(store, mail_settings, project, 3)
    gone = store.mail_lanes.claim(lease_seconds=0)
    assert gone
    first = store.deliveries.take(gone)
    lane = store.mail_lanes.claim(lease_seconds=60)
    assert lane
    again = store.deliveries.take(lane)
    assert first
    assert again
    assert (again.id, store.deliveries.sent_with(again, 10)[1]) == (first.id, 2)
    store.deliveries.end(gone, first, DeliveryState.DELIVERED, "too late")
    assert states_of_mails(store, project) == ["waiting"] * 3
    store.deliveries.end(lane, again, DeliveryState.DELIVERED, "in time")
    assert states_of_mails(store, project) == ["delivered"] * 3


def test_of_keys_that_fail_together_one_is_drawn_before_it_is_told_and_the_others_after_that(
    store: Store, mail_settings: Settings, ada: User, project: Project
):
    a_rule(store, project)
    watcher, teller = Watcher(store, mail_settings), AlertTeller(store, mail_settings)
    for number in range(3):
        watcher.observe(project.id, f"pump {number}", ODD)
    teller.tell_all()
    assert states_of_mails(store, project) == ["waiting"] * 3
    assert [incident.has_picture for incident in incidents(store, project)] == [True, False, False]
    while store.database["alert_incidents"].count_documents({"undrawn": {"$exists": True}}):
        teller.draw_some()
    assert [incident.has_picture for incident in incidents(store, project)] == [True] * 3
