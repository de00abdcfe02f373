"""What the document says holds: schemathesis tries every operation, each check and every phase, on a real server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from environments import child_environment
from launch.members import is_healthy
from settings import Settings
from storage.store import Store
from tests.conftest import ROOT, wait_until
from tests.launch.program import free_port

HERE = Path(__file__).parent
SECONDS = 30
EXAMPLES = 2
SEED = 1


@pytest.fixture
def server(settings: Settings, store: Store) -> Iterator[str]:
    """The address of the application under a web server, with an engine of its own."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--threads",
        "16",
        "--limit-request-line",
        "8190",
        "--graceful-timeout",
        "1",
        "--bind",
        f"127.0.0.1:{port}",
        "DIYML:app",
    ]
    with (settings.data_dir / "gunicorn.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=child_environment(settings), stdout=log, stderr=log)
    try:
        wait_until(lambda: is_healthy("127.0.0.1", port), SECONDS)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS)
        process.kill()


@pytest.mark.timeout(1000)
@pytest.mark.story
def test_every_operation_does_what_the_document_says(server: str, tmp_path: Path):
    program = Path(sys.executable).with_name("schemathesis")
    command = [
        str(program), "--config-file", str(HERE / "schemathesis.toml"), "run", f"{server}/api/openapi.json",
        "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(EXAMPLES),
        "--seed", str(SEED), "--request-timeout", "20", "--warnings", "off", "--no-color",
    ]  # fmt: skip
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.api.openapi.schemathesis_hooks",
        "DIYML_TRIED_URL": server, "DIYML_TRIED_SEED": str(SEED),
    }  # fmt: skip
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=960)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2000:]
    assert "Tested:" in run.stdout
