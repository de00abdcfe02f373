"""One machine with database and broker, two with workers: one of them is cut off in the middle of a training."""

from __future__ import annotations

import dataclasses
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from bson import ObjectId
from flask import Flask

from DIYML import create_app
from launch.family import Family, Member
from launch.members import member_environment
from settings import Settings
from storage.job import Job, JobState
from storage.mongod import find_mongod
from storage.store import Store
from tests.cluster import rabbitmq
from tests.cluster.hosts import MISSING, Host, Network, possible, run
from tests.cluster.rabbitmq import RabbitMQ
from tests.conftest import ROOT, Caller, wait_until
from tests.training.conftest import is_gone, shade_project, start_training, wait_for, wait_for_checkpoint
from training.worker.housekeeping import LOST

pytestmark = [
    pytest.mark.story,
    pytest.mark.skipif(not possible(), reason=MISSING),
    pytest.mark.skipif(rabbitmq.SERVER is None, reason=rabbitmq.MISSING),
]

DATABASE = "test_hosts"
LEASE_SECONDS = 4
# The first user can only be made on the machine itself, and must be one who may make others.
CREATE_USER = """
import sys
from pymongo import MongoClient
password, database = sys.argv[1:]
MongoClient().admin.command("createUser", "operator", pwd=password, roles=["root"])
roles = [{"role": "readWrite", "db": name} for name in (database, f"{database}_queue")]
MongoClient(username="operator", password=password).admin.command("createUser", "diyml", pwd=password, roles=roles)
"""


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    network = Network(["north", "south"])
    try:
        network.start()
        yield network
    finally:
        network.stop()


@pytest.fixture(scope="module")
def session_settings(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings for a database with a user of DIYML's own, and a broker, on the machine that serves."""
    folder = tmp_path_factory.mktemp("server")
    server, password = network.server, secrets.token_urlsafe(12)
    family, broker = Family([mongod(server, folder)], sys.stderr.write), RabbitMQ(folder, server.address, server.enter)
    try:
        family.start()
        run([*server.enter, sys.executable, "-c", CREATE_USER, password, DATABASE])
        broker.start()
        yield Settings(
            mongo_uri=f"mongodb://diyml:{password}@{server.address}:27017/?authSource=admin",
            broker_url=broker.url,
            database=DATABASE,
            data_dir=folder / "web",
            bcrypt_rounds=4,
            heartbeat_seconds=0.2,
            lease_seconds=LEASE_SECONDS,
            checkpoint_seconds=0,
            training_niceness=0,
        )
    finally:
        broker.stop()
        family.stop()


def mongod(host: Host, folder: Path) -> Member:
    (folder / "db").mkdir()

    def answers() -> bool:
        try:
            socket.create_connection((host.address, 27017), timeout=1).close()
        except OSError:
            return False
        return True

    listens = ["--bind_ip", f"127.0.0.1,{host.address}", "--nounixsocket", "--auth"]
    return Member(
        name="mongod",
        command=[*host.enter, str(find_mongod()), "--dbpath", str(folder / "db"), *listens],
        environment={},
        log=folder / "mongod.log",
        ready=answers,
        stop_seconds=30,
    )


@pytest.fixture(scope="module")
def session_app(session_settings: Settings) -> Iterator[Flask]:
    app = create_app(session_settings)
    yield app
    app.extensions["diyml"].services.store.close()


@pytest.fixture
def workers(
    network: Network, session_settings: Settings, session_app: Flask, tmp_path: Path
) -> Iterator[dict[str, Member]]:
    """By the name of their machine: the one command that makes it a worker."""
    members = {host.name: worker(host, session_settings, tmp_path / host.name) for host in network.hosts}
    family = Family(list(members.values()), sys.stderr.write)
    try:
        family.start()
        yield members
    finally:
        family.stop()


def worker(host: Host, settings: Settings, folder: Path) -> Member:
    return Member(
        name=f"worker on {host.name}",
        command=[*host.enter, sys.executable, str(ROOT / "DIYML.py"), "worker"],
        environment=member_environment(dataclasses.replace(settings, data_dir=folder)),
        log=folder / "worker.log",
        stop_seconds=30,
    )


def host_of(job: Job) -> str:
    """The name of the machine that trains."""
    return str(job.worker).split("/")[0]


def training_on(member: Member) -> psutil.Process:
    assert member.process
    children = psutil.Process(member.process.pid).children(recursive=True)
    return next(child for child in children if "training.run" in child.cmdline())


def wait_for_host(store: Store, job_id: ObjectId, name: str) -> Job:
    def runs() -> Job | None:
        job = store.jobs.get(job_id)
        return job if job.state is JobState.RUNNING and host_of(job) == name else None

    job: Job = wait_until(runs, 90)
    return job


def test_a_worker_that_is_cut_off_loses_its_job_to_another_and_works_again_when_it_is_back(
    caller: Caller, store: Store, network: Network, workers: dict[str, Member]
) -> None:
    project = shade_project(caller)
    job_id = start_training(caller, project, epochs=30)
    lost = host_of(wait_for_checkpoint(store, job_id, 3))
    cut_off = next(host for host in network.hosts if host.name == lost)
    heir = next(host.name for host in network.hosts if host.name != lost)
    stale = training_on(workers[lost])
    # It shall not be done before it is back.
    os.killpg(stale.pid, signal.SIGSTOP)
    network.pull(cut_off)
    taken = wait_for_host(store, job_id, heir)
    assert (taken.attempt, taken.attempts[0].ended_by) == (2, LOST)
    assert not is_gone(stale)
    os.killpg(stale.pid, signal.SIGCONT)
    network.plug(cut_off)
    wait_until(lambda: is_gone(stale), 30)
    job = wait_for(store, job_id, "succeeded", "failed", seconds=180)
    assert (job.state, job.attempt, host_of(job)) == (JobState.SUCCEEDED, 2, heir), job.error
    assert job.attempts[1].resumed_from_epoch >= 3
    assert [entry["epoch"] for entry in job.history] == list(range(1, 31))
    assert [row["_id"] for row in store.database["models"].find()] == [job.model_id]
    left = {"filename": {"$regex": "^checkpoint"}}
    wait_until(lambda: store.database["artifacts.files"].count_documents(left) == 0, 20)

    Family([workers[heir]], sys.stderr.write).stop()
    again = start_training(caller, project, epochs=1)
    assert wait_for_host(store, again, lost).attempt == 1
    assert wait_for(store, again, "succeeded", "failed", seconds=180).state is JobState.SUCCEEDED
