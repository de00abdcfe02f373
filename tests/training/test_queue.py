from __future__ import annotations

import gc
import socket
import time

import pytest
from celery import Celery

from training.queue import celery_app, wake
from utils import Settings


@pytest.mark.parametrize("url", ["foo://broker", "amqp://127.0.0.1:notaport//"])
def test_a_broker_address_that_cannot_be_read_does_not_refuse_a_job(url: str):
    wake(celery_app(Settings(broker_url=url), sends=True))


@pytest.mark.parametrize("url", ["amqp://127.0.0.1:{}//", "mongodb://127.0.0.1:{}/queue"])
@pytest.mark.filterwarnings("ignore:Unclosed MongoClient:ResourceWarning")
def test_a_broker_that_accepts_and_then_says_nothing_is_not_waited_for(url: str):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert _seconds(celery_app(Settings(broker_url=url.format(port)), sends=True)) < 5


@pytest.mark.parametrize("url", ["amqp://127.0.0.1:{}//", "mongodb://127.0.0.1:{}/queue"])
@pytest.mark.filterwarnings("ignore:Unclosed MongoClient:ResourceWarning")
def test_a_broker_that_is_not_there_is_not_waited_for(url: str):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        assert _seconds(celery_app(Settings(broker_url=url.format(port)), sends=True)) < 5


def _seconds(queue: Celery) -> float:
    """How long whoever asks for a training waits for the broker."""
    started = time.monotonic()
    wake(queue)
    seconds = time.monotonic() - started
    gc.collect()  # kombu leaves a client that could not connect to the garbage, which says so
    return seconds
