"""Each message arrives: in order per job, once, after outages, and whatever other receivers do."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Callable

from environments import child_environment
from notifications.dispatcher import Bounds
from notifications.outcomes import LONGEST_PAUSE_SECONDS
from notifications.outcomes import WAITS as DEFAULT_WAITS
from settings import Settings
from storage.deliveries import DeliveryState
from storage.store import Store
from storage.webhooks import Webhook
from tests.conftest import ROOT, wait_until
from tests.notifications.conftest import (
    a_failed_job,
    a_project,
    a_webhook,
    telling,
)
from tests.notifications.receivers import Received, Receiver

STATES = ["queued", "running", "failed"]
Inboxes = Callable[[], Receiver]


def states(store: Store, webhook: Webhook) -> list[str]:
    """Of the webhook's deliveries, in the order of a job's changes."""
    deliveries = sorted(store.deliveries.list_of(webhook.id, 100), key=lambda delivery: delivery.seq)
    return [delivery.state.value for delivery in deliveries]


def test_each_change_of_a_job_arrives_once_and_in_order(store: Store, settings: Settings, inbox: Receiver):
    project = a_project(store)
    webhook = a_webhook(store, project, inbox.url)
    with telling(store, settings):
        job = a_failed_job(store, project)
        got = inbox.wait_for(3)
        assert [message.state for message in got] == STATES
        assert store.webhooks.get(project.id, webhook.id).failures == 0
    message = got[2].message
    assert (message["type"], message["timestamp"][-6:]) == ("job.failed", "+00:00")
    assert message["data"] == {
        "job_id": str(job.id), "project_id": str(project.id), "project_name": "fruit", "state": "failed",
        "attempt": 1, "reason": "no images", "quantizes": None, "loads": None, "metrics": {}, "model_url": None,
        "job_url": f"https://diyml.example/api/v1/jobs/{job.id}",
    }  # fmt: skip
    assert got[2].headers["content-type"] == "application/json"
    assert len({item.id for item in got}) == 3


def test_a_webhook_gets_the_events_it_wants_only(store: Store, settings: Settings, inbox: Receiver, inboxes: Inboxes):
    project, all_events = a_project(store), inboxes()
    a_webhook(store, project, inbox.url, ("job.failed",))
    a_webhook(store, project, all_events.url)
    with telling(store, settings):
        a_failed_job(store, project)
        all_events.wait_for(3)
        inbox.wait_for(1)
    assert [message.state for message in inbox.requests] == ["failed"]


def test_a_receiver_that_was_down_gets_everything_later_in_order_per_job_and_once(
    store: Store, settings: Settings, inbox: Receiver
):
    projects = [a_project(store, name) for name in ("one", "two", "three")]
    hooks = [a_webhook(store, project, inbox.url) for project in projects]
    inbox.answer = lambda _: 500 if len(inbox.requests) <= 12 else 200
    with telling(store, settings, workers=2):
        for _ in range(2):
            for project in projects:
                a_failed_job(store, project)
        inbox.wait_for(18)
        wait_until(lambda: all(set(states(store, hook)) == {"delivered"} for hook in hooks))
    assert len(inbox.taken) == 18
    by_job: dict[str, list[str]] = {}
    for message in inbox.taken:
        by_job.setdefault(message.message["data"]["job_id"], []).append(message.state)
    assert list(by_job.values()) == [STATES] * 6
    # A refused one came again under its id.
    refused = {message.id for message in inbox.requests[:12]}
    assert refused <= {message.id for message in inbox.taken}


def test_a_later_change_waits_behind_an_earlier_one_and_goes_at_once_when_that_is_given_up(
    store: Store, settings: Settings, inbox: Receiver
):
    project = a_project(store)
    webhook = a_webhook(store, project, inbox.url)
    inbox.answer = lambda message: 400 if message.state == "running" else 200
    with telling(store, settings, bounds=Bounds(waits=(0.05, 0.05))):
        a_failed_job(store, project)
        got = inbox.wait_for(2)
        wait_until(lambda: states(store, webhook) == ["delivered", "failed", "delivered"])
    assert [message.state for message in got] == ["queued", "failed"]
    assert [message.state for message in inbox.requests] == ["queued", "running", "running", "running", "failed"]
    given_up = store.deliveries.list_of(webhook.id, 10, state=DeliveryState.FAILED)
    assert [(item.type, item.tries, item.status) for item in given_up] == [("job.running", 3, "it answered 400")]


def test_what_was_given_up_is_sent_again_when_its_owner_asks(store: Store, settings: Settings, inbox: Receiver):
    project = a_project(store)
    webhook = a_webhook(store, project, inbox.url, ("job.failed",))
    inbox.answer = lambda _: 404
    with telling(store, settings, bounds=Bounds(waits=(0.01,))):
        a_failed_job(store, project)
        wait_until(lambda: states(store, webhook) == ["failed"])
        inbox.answer = lambda _: 200
        store.deliveries.retry(webhook.id, store.deliveries.list_of(webhook.id, 1)[0].id)
        store.webhook_lanes.wake(webhook.id, resume=True)
        inbox.wait_for(1)


def test_receivers_that_hang_delay_no_other(store: Store, settings: Settings, inbox: Receiver, inboxes: Inboxes):
    hanging = inboxes()
    hanging.answer = hanging.hang
    for number in range(4):
        # One user with many, and others with one each.
        for owner, name in (("ada", f"slow {number}"), (f"user {number}", f"other {number}")):
            project = a_project(store, name, owner)
            a_webhook(store, project, hanging.url)
            a_failed_job(store, project)
    bounds = Bounds(threads=8, per_owner=2, waits=(0.01,) * 50)
    with telling(store, settings, bounds=bounds, whole_seconds=1.0):
        wait_until(lambda: len(hanging.requests) >= 8)  # from here on none of them is in good standing
        project = a_project(store, "quick", "grace")
        a_webhook(store, project, inbox.url)
        took: list[float] = []
        for _ in range(4):
            began = time.monotonic()
            a_failed_job(store, project)
            inbox.wait_for(3 * (len(took) + 1), seconds=10)
            took.append(inbox.taken[-1].at - began)
    assert min(took) < 0.9, took  # what a single hanging try takes, is more


def test_two_workers_send_each_message_once(store: Store, settings: Settings, inbox: Receiver):
    projects = [a_project(store, f"p{number}") for number in range(4)]
    for project in projects:
        a_webhook(store, project, inbox.url)
        for _ in range(3):
            a_failed_job(store, project)
    with telling(store, settings, workers=3) as dispatchers:
        inbox.wait_for(36)
        wait_until(lambda: all(dispatcher.wait_until_idle(0) for dispatcher in dispatchers))
    assert len({message.id for message in inbox.requests}) == len(inbox.requests) == 36


KILLED = """
import sys, threading
from notifications.dispatcher import Bounds
from storage.store import Store
from tests.notifications.conftest import posting_dispatcher
from settings import Settings
settings = Settings.from_environment()
dispatcher = posting_dispatcher(Store(settings), settings, threading.Event(), Bounds(lease_seconds=2), 30)
dispatcher.start_what_is_due()
threading.Event().wait()
"""


def test_what_a_killed_worker_was_sending_is_sent_by_another_after_the_lease(
    store: Store, settings: Settings, inbox: Receiver
):
    project = a_project(store)
    webhook = a_webhook(store, project, inbox.url, ("job.failed",))
    inbox.answer = inbox.hang
    body = '{"data": {"state": "test"}}'
    store.deliveries.add(webhook.id, project.owner_id, "webhook.test", body)
    store.webhook_lanes.wake(webhook.id)
    doomed = subprocess.Popen([sys.executable, "-c", KILLED], cwd=ROOT, env=child_environment(settings))
    try:
        wait_until(lambda: inbox.requests, 60)
    finally:
        doomed.kill()
        doomed.wait()
    inbox.answer = lambda _: 200
    killed_at = time.monotonic()
    with telling(store, settings):
        (got,) = inbox.wait_for(1)
        wait_until(lambda: states(store, webhook) == ["delivered"])
    assert got.at - killed_at < 10
    assert [message.id for message in inbox.requests] == [got.id, got.id]
    assert got.body == body.encode()


def test_a_sender_that_lost_its_lane_can_note_nothing(store: Store, settings: Settings, inbox: Receiver):
    project = a_project(store)
    webhook = a_webhook(store, project, inbox.url)
    store.deliveries.add(webhook.id, project.owner_id, "webhook.test", "{}")
    store.webhook_lanes.wake(webhook.id)
    late = store.webhook_lanes.claim(0.05)
    assert late
    taken = store.deliveries.take(late)
    assert taken
    another = wait_until(lambda: store.webhook_lanes.claim(30))
    now = store.deliveries.take(another)
    store.deliveries.end(late, taken, DeliveryState.FAILED, "late")
    store.webhook_lanes.release(late, None, 0)
    assert now.tries == 2
    assert store.deliveries.get(webhook.id, now.id).state is DeliveryState.WAITING
    assert store.webhook_lanes.claim(5) is None


def test_a_receiver_that_is_gone_gets_nothing_more_and_its_owner_sees_why(
    store: Store, settings: Settings, inbox: Receiver
):
    project = a_project(store)
    webhook = a_webhook(store, project, inbox.url)
    inbox.answer = lambda _: 410
    a_failed_job(store, project)
    with telling(store, settings):
        wait_until(lambda: states(store, webhook) == ["failed"] * 3)
        seen = store.webhooks.get(project.id, webhook.id)
        assert not seen.active
        assert seen.switched_off == "it answered 410: it wants no more messages"
        job = a_failed_job(store, project)
        wait_until(lambda: not store.outbox.marked(job.id))
        assert len(inbox.requests) == 1
        inbox.answer = lambda _: 200
        store.webhooks.change(seen, {"active": True})
        a_failed_job(store, project)
        assert [message.state for message in inbox.wait_for(3)] == STATES


def test_a_receiver_that_asks_for_time_gets_it(store: Store, settings: Settings, inbox: Receiver):
    project = a_project(store)
    a_webhook(store, project, inbox.url)

    def busy(_: Received) -> tuple[int, dict[str, str]] | int:
        return (429, {"Retry-After": "1"}) if len(inbox.requests) == 1 else 200

    inbox.answer = busy
    with telling(store, settings):
        a_failed_job(store, project)
        inbox.wait_for(3)
    first, second = inbox.requests[:2]
    assert second.at - first.at >= 0.9
    assert second.id == first.id


def test_a_deleted_webhook_gets_nothing_more(store: Store, settings: Settings, inbox: Receiver):
    project = a_project(store)
    webhook = a_webhook(store, project, inbox.url)
    inbox.answer = lambda _: 500
    a_failed_job(store, project)
    with telling(store, settings) as dispatchers:
        wait_until(lambda: inbox.requests)
        store.webhooks.delete(webhook.id)
        store.deliveries.delete_lanes([webhook.id])
        wait_until(lambda: dispatchers[0].wait_until_idle(0))
        before = len(inbox.requests)
        job = a_failed_job(store, project)
        wait_until(lambda: not store.outbox.marked(job.id))
    assert len(inbox.requests) == before
    assert store.database["deliveries"].count_documents({}) == 0


def test_an_outage_of_ten_minutes_costs_a_few_minutes_more_and_one_of_three_days_nothing():
    moments = list(itertools.accumulate(DEFAULT_WAITS))
    after_ten_minutes = next(moment for moment in moments if moment > 600)
    assert after_ten_minutes - 600 <= LONGEST_PAUSE_SECONDS * 3
    assert moments[-1] > 3 * 24 * 3600
    assert list(DEFAULT_WAITS) == sorted(DEFAULT_WAITS)
