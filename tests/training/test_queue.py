from __future__ import annotations

import gc
import shutil
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
from celery import Celery

from settings import Settings
from storage.device import DeviceChoice, DeviceKind
from training.queue import celery_app, queue_name, queues_of, wake


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


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine: apt-get install openssl")
def test_a_broker_over_tls_must_be_the_one_that_its_certificate_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    making = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *files, *name]
    subprocess.run(making, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept_until_closed, args=(listener, context), daemon=True).start()
        port = listener.getsockname()[1]
        assert refusal(f"amqps://localhost:{port}//") == "self-signed certificate"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert "not valid for '127.0.0.1'" in refusal(f"amqps://127.0.0.1:{port}//")
        assert refusal(f"amqps://localhost:{port}//") == ""
        listener.shutdown(socket.SHUT_RDWR)


def accept_until_closed(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        try:
            context.wrap_socket(connection, server_side=True).close()
        except OSError:
            connection.close()


def refusal(url: str) -> str:
    """What is wrong with the broker's certificate; nothing when it is taken."""
    try:
        celery_app(Settings(broker_url=url), sends=True).connection_for_write().transport.establish_connection()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except OSError:
        return ""  # it is no broker
    raise AssertionError("a broker that says nothing was believed")
