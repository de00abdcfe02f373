"""Database and broker that stop, or that stand still, for a minute of traffic and of a training."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import psutil
import pytest

from launch.family import Member
from launch.members import mongod_member
from settings import Settings
from storage.mongod import EmbeddedMongod
from tests.cluster.rabbitmq import RabbitMQ
from tests.conftest import wait_until
from tests.faults.conftest import Platform, end, free_port
from tests.faults.invariants import check
from tests.faults.runs import Run
from tests.faults.traffic import Traffic

pytestmark = pytest.mark.long

OUTAGE_SECONDS = 60
ANSWER_SECONDS = 5
WELL_SECONDS = 30
EPOCHS = 1000
IMAGE_SIZE = 128
THREADS = 4


class Part(NamedTuple):
    """A part of the platform that can be hurt and healed."""

    hurt: Callable[[], object]
    heal: Callable[[], object]


@pytest.fixture
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedMongod, Member]]:
    """A mongod that nobody restarts."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("mongod"))
    server = EmbeddedMongod(settings.data_dir)
    server.prepare()
    member = mongod_member(server, settings)
    member.spawn()
    wait_until(server.answers, 60)
    yield server, member
    member.signal(signal.SIGCONT)
    member.signal(signal.SIGTERM)
    wait_until(member.ended, 60)
    member.sweep()


@pytest.fixture
def distributed(
    mongod: tuple[EmbeddedMongod, Member], broker_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """A platform with a database and a broker of the operator's own, and projects for the traffic."""
    given = {"MONGO_URI": mongod[0].connection().uri, "CELERY_BROKER_URL": broker_url, "DIYML_LEASE_SECONDS": "60"}
    given["DIYML_LOGIN_ATTEMPTS_PER_ADDRESS"] = "1000000"
    platform = Platform(tmp_path_factory.mktemp("distributed"), free_port(), given)
    platform.start()
    platform.prepare()
    for number in range(THREADS):
        platform.fill(f"other{number}", 4)
    platform.train(epochs=1)
    wait_until(lambda: platform.training()["state"] == "succeeded", 120)
    assert platform.call("PUT", "/publish", project_name="shades", is_published="True").status_code == 200
    yield platform
    end(platform)


@pytest.mark.parametrize("broker_url", ["mongodb"], indirect=True)
@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_a_database_that_is_away_costs_nothing_but_the_time(
    distributed: Platform, mongod: tuple[EmbeddedMongod, Member], run: Run, how: str
) -> None:
    member = mongod[1]

    def stop() -> None:
        member.signal(signal.SIGTERM)
        wait_until(member.ended, 60)
        member.sweep()

    parts = {
        "stopped": Part(stop, member.spawn),
        "frozen": Part(lambda: member.signal(signal.SIGSTOP), lambda: member.signal(signal.SIGCONT)),
    }
    _live_through(distributed, run, parts[how], f"mongod {how}", all_work=False)


@pytest.mark.parametrize("broker_url", ["rabbitmq"], indirect=True)
@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_a_broker_that_is_away_hinders_nobody(distributed: Platform, rabbitmq: RabbitMQ, run: Run, how: str) -> None:
    parts = {
        "stopped": Part(rabbitmq.stop, rabbitmq.start),
        "frozen": Part(rabbitmq.freeze, rabbitmq.thaw),
    }
    _live_through(distributed, run, parts[how], f"RabbitMQ {how}", all_work=True)


def _live_through(platform: Platform, run: Run, part: Part, name: str, all_work: bool) -> None:
    """Traffic and a training before, during and after an outage.

    Args:
        all_work: whether every call must be done during the outage, too.
    """
    platform.train(EPOCHS, IMAGE_SIZE)
    before = wait_until(lambda: _running(platform), 120)
    training = platform.members("training.run")[0]
    traffic = Traffic(platform, THREADS)
    traffic.start()
    wait_until(lambda: len(traffic.answers) > 50, 60)
    seconds = run.sized(OUTAGE_SECONDS, least=10)
    began, busy = time.monotonic(), _busy_seconds(training)
    part.hurt()
    wait_until(lambda: time.monotonic() >= began + seconds, seconds + 10)
    busy = _busy_seconds(training) - busy
    assert training.is_running()
    part.heal()
    healed = time.monotonic()
    well = _seconds_until_well(platform, traffic, healed, before["epoch"])
    traffic.end()
    epochs = platform.training()["epoch"] - before["epoch"]
    job = platform.insist("GET", f"/api/v1/jobs/{before['job_id']}").json()
    assert job["attempt"] == 1
    _tell(
        run,
        traffic,
        name,
        began,
        healed,
        f"well after {well:.1f} s; the training worked {busy:.0f} s of it and had done {epochs} further epochs by then",
    )
    impolite = [answer for answer in traffic.since(began) if not answer.polite]
    assert not impolite, impolite[:5]
    assert not all_work or all(answer.worked for answer in traffic.since(began))
    assert max(answer.seconds for answer in traffic.answers) <= ANSWER_SECONDS
    assert busy > 0.1 * seconds
    assert well <= WELL_SECONDS
    platform.insist("POST", f"/api/v1/jobs/{before['job_id']}/cancel")
    store = platform.store()
    wait_until(lambda: not store.database["jobs"].count_documents({"active": True}), 120)
    check(store)
    store.close()


def _running(platform: Platform) -> dict | None:
    shown = platform.training()
    return shown if shown["state"] == "running" and shown["epoch"] >= 1 else None


def _busy_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _seconds_until_well(platform: Platform, traffic: Traffic, healed: float, epoch: int) -> float:
    """Until every kind of call works and the record of the training goes on."""
    kinds = {answer.kind for answer in traffic.answers}

    def well() -> bool:
        works = {answer.kind for answer in traffic.since(healed) if answer.worked}
        return kinds <= works and platform.is_ready() and platform.training()["epoch"] > epoch

    wait_until(well, 120)
    return time.monotonic() - healed


def _tell(run: Run, traffic: Traffic, name: str, began: float, healed: float, rest: str) -> None:
    during = [answer for answer in traffic.since(began) if answer.at < healed]
    slowest = max(during, key=lambda answer: answer.seconds)
    statuses = Counter(answer.status for answer in during)
    run.tell(
        f"{name} for {healed - began:.0f} s: {len(during)} calls ({dict(sorted(statuses.items()))}), the slowest "
        f"{slowest.seconds:.1f} s ({slowest.kind}); {rest}"
    )
