"""No change of a job is missed, and none is told twice, whoever tells and whenever it is stopped."""

from __future__ import annotations

import functools

import pytest

from notifications.teller import Teller
from settings import Settings
from storage.attempts import BrokenOff
from storage.deliveries import Delivery
from storage.job import Job
from storage.projects import Project
from storage.store import Store
from storage.webhooks import Webhook
from tests.notifications.conftest import a_failed_job, a_project, a_webhook
from tests.storage.test_jobs import at_once

URL = "https://example.org/hook"


@pytest.fixture
def teller(store: Store, settings: Settings) -> Teller:
    return Teller(store, settings)


@pytest.fixture
def project(store: Store) -> Project:
    return a_project(store)


@pytest.fixture
def webhook(store: Store, project: Project) -> Webhook:
    return a_webhook(store, project, URL)


def told(store: Store, webhook: Webhook) -> list[Delivery]:
    return sorted(store.deliveries.list_of(webhook.id, 100), key=lambda delivery: delivery.seq)


def types(store: Store, webhook: Webhook) -> list[str]:
    return [delivery.type.removeprefix("job.") for delivery in told(store, webhook)]


def claimed(store: Store, project: Project) -> Job:
    store.jobs.create(project, {}, 1)
    job = store.job_runs.claim("w")
    assert job
    return job


def test_every_way_a_job_can_go_is_told(store: Store, teller: Teller, project: Project, webhook: Webhook):
    job = claimed(store, project)
    teller.tell_all()
    assert types(store, webhook) == ["queued", "running"]
    store.job_runs.release(job, "the worker was stopped", BrokenOff.STOPPED)
    again = store.job_runs.claim("w")
    assert again
    model = store.models.create(project.id, again.id, {}, {})
    store.job_runs.beat(again, {"metrics": {"accuracy": 0.5, "loss": float("nan")}}, [], [])
    assert store.job_runs.succeed(again, model.id)
    assert teller.tell_all()
    assert not teller.tell_all()
    assert types(store, webhook) == ["queued", "running", "queued", "running", "succeeded"]
    bodies = [delivery.body for delivery in told(store, webhook)]
    assert '"reason": "the worker was stopped"' in bodies[2]
    assert '"attempt": 2' in bodies[3]
    assert '"metrics": {"accuracy": 0.5, "loss": null}' in bodies[4]
    assert f'"model_url": "https://diyml.example/api/v1/models/{model.id}"' in bodies[4]
    assert '"metrics": {}' in bodies[3]


def test_cancelling_is_told_also_of_a_job_that_never_ran(
    store: Store, teller: Teller, project: Project, webhook: Webhook
):
    store.jobs.cancel(store.jobs.create(project, {}, 1).id)
    teller.tell_all()
    assert types(store, webhook) == ["queued", "cancelled"]


def test_cancelling_a_running_job_is_told_when_it_has_ended(
    store: Store, teller: Teller, project: Project, webhook: Webhook
):
    running = claimed(store, project)
    for _ in range(2):
        store.jobs.cancel(running.id)
        teller.tell_all()
    assert types(store, webhook) == ["queued", "running"]
    assert store.job_runs.end_cancelled(running)
    teller.tell_all()
    assert types(store, webhook) == ["queued", "running", "cancelled"]


def test_tellers_that_tell_at_once_tell_each_change_once(
    store: Store, settings: Settings, project: Project, webhook: Webhook
):
    for _ in range(3):
        a_failed_job(store, project)
    at_once([functools.partial(Teller(store, settings).tell_all) for _ in range(6)])
    assert len(told(store, webhook)) == 9


def test_a_teller_that_was_killed_before_it_noted_what_it_told_tells_nothing_twice(
    store: Store, teller: Teller, project: Project, webhook: Webhook
):
    job = a_failed_job(store, project)
    (item,) = store.outbox.untold()
    before = {"$set": {"untold": True}, "$unset": {"told_up_to": ""}}
    teller.tell(item)
    store.database["jobs"].update_one({"_id": job.id}, before)
    teller.tell_all()
    assert len(told(store, webhook)) == 3


def test_a_change_that_comes_while_others_are_told_is_told_next(
    store: Store, teller: Teller, project: Project, webhook: Webhook
):
    job = claimed(store, project)
    (item,) = store.outbox.untold()
    assert store.job_runs.fail(job, "no")
    teller.tell(item)
    assert store.outbox.marked(job.id)
    assert types(store, webhook) == ["queued", "running"]
    teller.tell_all()
    assert types(store, webhook) == ["queued", "running", "failed"]
    assert not store.outbox.marked(job.id)


def test_one_odd_job_keeps_no_other_from_being_told(
    store: Store, teller: Teller, webhook: Webhook, project: Project, caplog: pytest.LogCaptureFixture
):
    odd = a_failed_job(store, a_project(store, "odd"))
    a_webhook(store, project, URL)
    store.database["jobs"].update_one({"_id": odd.id}, {"$set": {"states.0.at": "yesterday"}})
    a_webhook(store, store.projects.named("odd", store.users.find("ada")), URL)
    a_failed_job(store, project)
    teller.tell_all()
    assert len(told(store, webhook)) == 3
    assert store.outbox.marked(odd.id)
    assert str(odd.id) in caplog.text


def test_jobs_of_a_deleted_project_are_told_to_nobody(store: Store, teller: Teller, project: Project, webhook: Webhook):
    job = claimed(store, project)
    store.delete_project(project.id)
    teller.tell_all()
    assert not store.outbox.marked(job.id)
    assert store.database["deliveries"].count_documents({}) == 0
    assert store.database["webhooks"].count_documents({}) == 0
