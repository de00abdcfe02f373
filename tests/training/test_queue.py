from __future__ import annotations

import socket
import time

import pytest

from storage.device import DeviceChoice, DeviceKind
from training.queue import celery_app, queue_name, queues_of, wake
from utils import Settings


@pytest.mark.parametrize("url", ["foo://broker", "amqp://127.0.0.1:notaport//"])
def test_a_broker_address_that_cannot_be_read_does_not_refuse_a_job(url: str):
    wake(celery_app(Settings(broker_url=url), sends=True))


def test_a_worker_listens_to_the_queues_of_its_devices_and_every_worker_to_that_of_jobs_that_run_on_anything():
    assert queues_of([DeviceKind.CPU]) == ["diyml", "diyml.cpu"]
    assert queues_of([DeviceKind.GPU, DeviceKind.GPU]) == ["diyml", "diyml.gpu"]
    assert queues_of(DeviceKind) == [queue_name(choice) for choice in DeviceChoice]


def test_every_queue_of_rabbitmq_is_a_durable_quorum_queue():
    queues = celery_app(Settings(broker_url="amqp://127.0.0.1//")).amqp.queues
    assert set(queues) == {queue_name(choice) for choice in DeviceChoice}
    assert all(queue.durable and queue.queue_arguments == {"x-queue-type": "quorum"} for queue in queues.values())


def test_a_broker_that_accepts_and_then_says_nothing_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        queue = celery_app(Settings(broker_url=f"amqp://127.0.0.1:{port}//"), sends=True)
        started = time.monotonic()
        wake(queue)
        assert time.monotonic() - started < 15
