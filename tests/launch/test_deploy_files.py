"""The files for several machines name services, commands, folders and variables that there are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from launch.cli import _parser
from settings import Settings
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text()


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """What compose reads."""
    return yaml.safe_load(COMPOSE)


def _commands() -> set[str]:
    (action,) = (action for action in _parser()._actions if getattr(action, "choices", None))
    assert action.choices
    return set(action.choices)


def test_every_service_of_ours_runs_a_command_that_there_is(compose: dict[str, Any]):
    ours = {name: service for name, service in compose["services"].items() if service["image"] == "diyml"}
    assert set(ours) == {"web-1", "web-2", "worker", "stream"}
    for name, service in ours.items():
        assert service["command"][0] in _commands(), name
    for unit in (DEPLOY / "systemd").glob("*.service"):
        for line in re.findall(r"^ExecStart=.*DIYML\.py(.*)$", unit.read_text(), re.MULTILINE):
            assert not line.split() or line.split()[0] in _commands(), unit.name


def test_what_services_speak_of_is_in_the_file(compose: dict[str, Any]):
    services = compose["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        assert set(service.get("networks", [])) <= set(compose["networks"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            known = source.startswith("/") or source in compose["volumes"] or (DEPLOY / source).exists()
            assert known, (name, volume)
    assert {name for name, service in services.items() if "profiles" in service} == {"stream", "mlflow"}
    assert services["mlflow"]["networks"] == ["data"]


def test_who_is_waited_for_until_it_is_healthy_says_when_it_is(compose: dict[str, Any]):
    services = compose["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy", name
            assert services[other]["healthcheck"]["test"], (name, other)


def test_compose_itself_takes_the_file_with_each_profile():
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("no Docker Compose on this machine: apt-get install docker-compose-plugin")
    passwords = dict.fromkeys(re.findall(r"\$\{([A-Z_]+):\?", COMPOSE), "secret")
    command = [docker, "compose", "-f", str(DEPLOY / "compose.yaml"), "--profile", "streams", "--profile", "mlflow"]
    run = subprocess.run(
        [*command, "config", "--services"], env={**os.environ, **passwords}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert set(run.stdout.split()) == set(yaml.safe_load(COMPOSE)["services"])


def test_variables_are_explained_and_are_settings(compose: dict[str, Any]):
    explained = set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "env.example").read_text(), re.MULTILINE))
    assert set(re.findall(r"\$\{([A-Z_]+)", COMPOSE)) == explained
    known = set(Settings().to_environment())
    for name, service in compose["services"].items():
        if service["image"] == "diyml":
            assert set(service["environment"]) <= known, name


def test_the_image_holds_every_room():
    copied = set(re.findall(r"^COPY (\w+) /app/\1$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE))
    outside = {"tests", "docs", "demo", "benchmarks", "deploy"}
    rooms = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert rooms - outside == copied
