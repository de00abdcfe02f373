"""What whoever watches can see: one line a request without secrets, and counters over all web processes."""

from __future__ import annotations

import dataclasses
import http.client
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from DIYML import create_app
from launch.members import is_healthy
from settings import Settings
from storage.store import Store
from tests.api.problems import assert_problem
from tests.conftest import PASSWORD, ROOT, Caller, wait_until
from tests.launch.program import free_port


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Values by name and sorted labels."""
    found = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in found}


def requests_to(route: str, text: str) -> float:
    """How many requests to a route were counted, whatever came of them."""
    counted = samples(text).items()
    return sum(
        value for (name, labels), value in counted if name == "diyml_requests_total" and ("route", route) in labels
    )


def lines_of(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(record.message) for record in caplog.records if record.name == "diyml.requests"]


def test_a_request_leaves_one_line_without_anything_secret(
    client: FlaskClient, caller: Caller, caplog: pytest.LogCaptureFixture, store: Store
):
    user = store.users.find("ada")
    assert user
    with caplog.at_level(logging.INFO, "diyml.requests"):
        client.put("/auth", json={"username": "mallory", "password": "a secret word"})
        client.get("/inference?inference_mapping=an-id-that-opens")
        caller.call("PUT", "/upload/project", project_name="pets", project_type="classification")
        client.get("/nowhere/secret")
    lines = lines_of(caplog)
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("PUT", "/auth", 200),
        ("GET", "/inference", 404),
        ("PUT", "/upload/project", 200),
        ("GET", "(none)", 404),
    ]
    assert [line["user"] for line in lines] == [None, None, str(user.id), None]
    assert all(line["ms"] >= 0 and line["bytes_out"] > 0 for line in lines)
    assert not any(word in caplog.text for word in ("secret", "mallory", "opens", caller.token, PASSWORD))


def test_a_request_has_the_id_of_the_proxy_in_front_or_one_of_its_own(client: FlaskClient):
    assert client.get("/health", headers={"X-Request-ID": "abc-12345"}).headers["X-Request-ID"] == "abc-12345"
    for bad in ("", "short", "x" * 65, "with space in it", 'quo"te-----'):
        own = client.get("/health", headers={"X-Request-ID": bad}).headers["X-Request-ID"]
        assert own != bad
        assert len(own) == 16
    first, second = (client.get("/health").headers["X-Request-ID"] for _ in range(2))
    assert first != second


def test_requests_and_jobs_are_counted(client: FlaskClient, caller: Caller, store: Store):
    before = requests_to("/health", client.get("/metrics").text)
    for _ in range(3):
        client.get("/health")
    caller.project("pets", classes="cat|dog")
    user = store.users.find("ada")
    assert user
    store.jobs.create(store.projects.named("pets", user), {}, 1)
    response = client.get("/metrics")
    assert response.mimetype == "text/plain"
    assert requests_to("/health", response.text) == before + 3
    counted = samples(response.text)
    assert counted["diyml_jobs", (("state", "queued"),)] == 1
    assert counted["diyml_jobs", (("state", "running"),)] == 0


def test_metrics_are_for_this_machine_or_for_who_has_their_token(client: FlaskClient, settings: Settings):
    for address in ("192.0.2.7", "unknown", ""):
        assert_problem(client.get("/metrics", environ_base={"REMOTE_ADDR": address}), 404)
    app = create_app(dataclasses.replace(settings, metrics_token="the metrics token"))
    try:
        guarded = app.test_client()
        assert_problem(guarded.get("/metrics"), 404)
        assert_problem(guarded.get("/metrics", headers={"Authorization": "Bearer another"}), 404)
        seen = guarded.get(
            "/metrics",
            headers={"Authorization": "Bearer the metrics token"},
            environ_base={"REMOTE_ADDR": "192.0.2.7"},
        )
        assert seen.status_code == 200
    finally:
        app.extensions["diyml"].services.store.close()


@pytest.fixture
def server(settings: Settings, store: Store, tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Port and log of a web server of three processes."""
    settings = dataclasses.replace(settings, data_dir=tmp_path, port=free_port(), web_workers=3)
    log = tmp_path / "web.log"
    environment = {**os.environ, **settings.to_environment()}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "launch.web"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    wait_until(lambda: is_healthy("127.0.0.1", settings.port), 60)
    yield settings.port, log
    process.terminate()
    assert process.wait(20) == 0


def get(port: int, path: str) -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read().decode()


def test_all_web_processes_of_a_machine_are_counted_together_and_logged(server: tuple[int, Path]):
    port, log = server
    before = requests_to("/auth", get(port, "/metrics"))
    for _ in range(40):
        get(port, "/auth?username=nobody")
    assert requests_to("/auth", get(port, "/metrics")) == before + 40
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert sum(line["route"] == "/auth" for line in lines) == 40
    assert len({line["request_id"] for line in lines}) == len(lines)
