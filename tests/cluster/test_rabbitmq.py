"""Three workers on one RabbitMQ: wake-ups are safe in it, and nothing hangs on it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from DIYML import create_app
from launch.family import Family, Member
from launch.members import worker_member
from settings import Settings
from storage.job import JobState
from storage.store import Store
from tests.cluster.rabbitmq import MISSING, SERVER, RabbitMQ
from tests.conftest import Caller, start_worker, wait_until
from tests.training.conftest import shade_project, start_training, wait_for, wait_for_checkpoint

pytestmark = [pytest.mark.story, pytest.mark.skipif(SERVER is None, reason=MISSING)]

WORKERS = 3


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    broker = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    try:
        broker.start()
        yield broker
    finally:
        broker.thaw()
        broker.stop()


@pytest.fixture(scope="module")
def session_settings(mongo_uri: str, rabbitmq: RabbitMQ, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        mongo_uri=mongo_uri,
        broker_url=rabbitmq.url,
        database="test_rabbitmq",
        data_dir=tmp_path_factory.mktemp("data"),
        bcrypt_rounds=4,
        heartbeat_seconds=0.2,
        lease_seconds=5,
        training_niceness=0,
        checkpoint_seconds=0,
    )


@pytest.fixture(scope="module")
def session_app(session_settings: Settings) -> Iterator[Flask]:
    app = create_app(session_settings)
    yield app
    app.extensions["diyml"].services.store.close()


@pytest.fixture(scope="module")
def workers(session_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Member]]:
    folders = [tmp_path_factory.mktemp("worker") for _ in range(WORKERS)]
    members = [_worker(session_settings, folder) for folder in folders]
    family = Family(members, sys.stderr.write)
    try:
        family.start()
        yield members
    finally:
        family.stop()


def _worker(settings: Settings, folder: Path) -> Member:
    return worker_member(dataclasses.replace(settings, data_dir=folder), folder / "worker.log")


def holder(store: Store, workers: list[Member], job_id: ObjectId) -> Member:
    """The worker that runs a job."""
    pid = str(store.jobs.get(job_id).worker).split("/")[2]
    return next(worker for worker in workers if worker.process and str(worker.process.pid) == pid)


def listening(rabbitmq: RabbitMQ) -> int:
    """How many workers wait for wake-ups."""
    return max((queue.consumers for queue in rabbitmq.queues()), default=0)


def test_wake_ups_are_kept_by_a_durable_quorum_queue_until_a_worker_comes(
    rabbitmq: RabbitMQ, caller: Caller, store: Store, session_settings: Settings
) -> None:
    job_id = start_training(caller, shade_project(caller))
    kept = wait_until(lambda: [queue for queue in rabbitmq.queues() if queue.messages], 10)
    assert [(queue.type, queue.durable, queue.messages) for queue in kept] == [("quorum", "true", 1)]
    assert rabbitmq.confirms() == ["true"]
    store.jobs.cancel(job_id)


def test_a_worker_that_the_broker_refuses_trains_all_the_same_and_can_be_stopped(
    caller: Caller, store: Store, session_settings: Settings, tmp_path: Path
) -> None:
    wrong = session_settings.broker_url.replace("diyml:", "diyml:not-")
    worker = start_worker(session_settings, data_dir=tmp_path, broker_url=wrong)
    try:
        wait_until(lambda: "ACCESS_REFUSED" in (tmp_path / "worker.log").read_text(), 30)
        job_id = start_training(caller, shade_project(caller))
        wait_for(store, job_id, "running")
        store.jobs.cancel(job_id)
        wait_for(store, job_id, "cancelled")
        worker.terminate()
        assert worker.wait(20) == 0
    finally:
        worker.kill()


def test_the_jobs_of_several_users_spread_over_the_workers_and_each_makes_one_model(
    client: FlaskClient, caller: Caller, other: Caller, store: Store, rabbitmq: RabbitMQ, workers: list[Member]
) -> None:
    wait_until(lambda: listening(rabbitmq) == WORKERS, 60)
    users = [caller, other, Caller(client, "mary")]
    wishes = [(user, shade_project(user, user.username)) for user in users] + [(caller, shade_project(caller, "more"))]
    job_ids = [start_training(user, project, epochs=3) for user, project in wishes]
    running = {"state": JobState.RUNNING.value}
    wait_until(lambda: store.database["jobs"].count_documents(running) == WORKERS, 60)
    # A message is acknowledged when it has come, not when a training ends.
    wait_until(lambda: not any(queue.messages_unacknowledged for queue in rabbitmq.queues()), 10)
    assert store.database["jobs"].count_documents(running) > 0
    queues = rabbitmq.queues()
    assert {(queue.type, queue.durable) for queue in queues} == {("quorum", "true")}
    assert all(queue.name.startswith("diyml") for queue in queues), "queues that nobody needs"
    jobs = [wait_for(store, job_id, "succeeded", "failed", seconds=180) for job_id in job_ids]
    assert [(job.state, job.attempt) for job in jobs] == [(JobState.SUCCEEDED, 1)] * len(jobs), jobs
    assert len({job.worker for job in jobs}) == WORKERS
    assert {job.model_id for job in jobs} == {row["_id"] for row in store.database["models"].find()}
    assert [caller.training(project)["state"] for user, project in wishes if user is caller] == ["succeeded"] * 2


def test_when_a_worker_is_killed_another_one_goes_on_from_its_checkpoint(
    caller: Caller, store: Store, workers: list[Member]
) -> None:
    job_id = start_training(caller, shade_project(caller), epochs=20)
    wait_for_checkpoint(store, job_id, 3)
    killed = holder(store, workers, job_id)
    assert killed.process
    killed.process.kill()
    job = wait_for(store, job_id, "succeeded", "failed", seconds=180)
    assert job.state is JobState.SUCCEEDED, job.error
    first, second = job.attempts
    assert first.worker != second.worker
    assert second.resumed_from_epoch >= 3
    assert [entry["epoch"] for entry in job.history] == list(range(1, 21))
    assert store.database["models"].count_documents({}) == 1


def test_while_the_broker_is_away_jobs_start_and_afterwards_the_workers_come_back_to_it(
    caller: Caller, store: Store, rabbitmq: RabbitMQ, workers: list[Member]
) -> None:
    listened = listening(rabbitmq)
    project = shade_project(caller)
    rabbitmq.stop()
    job_id = start_training(caller, project, epochs=1)
    wait_for(store, job_id, "running", "succeeded")
    rabbitmq.start()
    wait_until(lambda: listening(rabbitmq) == listened, 120, every=1)
    assert wait_for(store, job_id, "succeeded", "failed").attempt == 1
    woken = start_training(caller, project, epochs=1)
    wait_for(store, woken, "running", "succeeded", seconds=30)
    store.jobs.cancel(woken)
    assert wait_for(store, woken, "cancelled", "succeeded").attempt == 1


def test_the_platform_is_ready_only_while_its_broker_answers(
    client: FlaskClient, rabbitmq: RabbitMQ, workers: list[Member]
) -> None:
    wait_until(lambda: client.get("/ready").status_code == 200, 60)
    rabbitmq.freeze()
    try:
        refusal = wait_until(lambda: (answer := client.get("/ready")).status_code == 503 and answer, 10)
        assert [error["field"] for error in refusal.json["errors"]] == ["broker"]
    finally:
        rabbitmq.thaw()
    wait_until(lambda: client.get("/ready").status_code == 200, 60)


def test_a_worker_that_is_asked_to_stop_ends_though_its_broker_is_frozen(
    session_settings: Settings, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    listened = listening(rabbitmq)
    worker = start_worker(session_settings, data_dir=tmp_path)
    wait_until(lambda: listening(rabbitmq) > listened, 60)
    rabbitmq.freeze()
    try:
        worker.terminate()
        assert worker.wait(20) == 0
    finally:
        rabbitmq.thaw()
        worker.kill()
