"""What README and docs promise, tried."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from api.routes import ROUTES
from diyml_client import config
from settings import Settings
from tests.conftest import wait_until

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
STORY = README.split("## The story in curl")[1].split("\n## ")[0]
STORY_SECONDS = 480  # a deadline ends what hangs
NOT_OURS = {"DIYML_", config.URL, config.TOKEN, config.PROFILE}


def shape(value: Any) -> Any:
    """Keys and kinds of values, without the values."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def masked(line: str) -> str:
    """Without numbers and paths."""
    return re.sub(r"/\S*", "/", re.sub(r"[\d.]+", "0", line))


@pytest.mark.story
def test_the_story_in_curl_happens_as_told(platform: tuple[str, Path], tmp_path: Path) -> None:
    address, _ = platform
    blocks = re.findall(r"```bash\n(.*?)```(?:\n```(json|text)\n(.*?)```)?", STORY, re.DOTALL)
    script = "".join(f"{commands}\necho '== end of block'\n" for commands, _, _ in blocks)
    script = script.replace("http://127.0.0.1:7001", address).replace(".venv/bin/python", sys.executable)
    run = subprocess.run(
        ["bash", "-euc", script],  # noqa: S607 - the user's bash, wherever it is
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=STORY_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    printed = run.stdout.split("== end of block\n")
    for (_, kind, promised), got in zip(blocks, printed, strict=False):
        if kind == "json":
            assert [shape(json.loads(line)) for line in got.splitlines()] == [
                shape(json.loads(line)) for line in promised.splitlines()
            ]
    assert "'state': 'succeeded'" in printed[-3]
    assert json.loads(printed[-2].splitlines()[-1])[0]["classification"] == "zero"


def test_the_start_looks_as_shown(platform: tuple[str, Path]) -> None:
    _, folder = platform
    promised = README.split("```console\n")[1].split("```")[0].splitlines()[2:]
    log = folder / "logs" / "diyml.log"
    # The last line comes a moment after the first answer to a request.
    told = wait_until(lambda: (text := log.read_text()).endswith("it.\n") and text).splitlines()
    assert list(map(masked, told)) == list(map(masked, promised))


def test_every_setting_that_is_named_exists() -> None:
    known = {item.metadata["env"] for item in dataclasses.fields(Settings)}
    for page in PAGES:
        named = set(re.findall(r"\b(?:DIYML_[A-Z_]+|MONGO_URI|CELERY_BROKER_URL)\b", page.read_text()))
        assert named - known - NOT_OURS == set(), page


def test_every_route_is_described() -> None:
    text = (ROOT / "docs" / "http.md").read_text()
    for route in ROUTES:
        assert re.sub(r"<\w+?_id>", "<", route.path).split("<")[0] in text


def test_every_link_to_a_file_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
