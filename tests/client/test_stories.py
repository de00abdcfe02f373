"""docs/stories.md, told to a real platform."""

from __future__ import annotations

import concurrent.futures
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.routes import P, needs
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "stories.md").read_text()
WAYS = ("diyml", "Python", "curl")
STORY_SECONDS = 600  # a deadline ends what hangs

THERE = needs(
    "/api/v1/projects",
    f"{P}/images",
    f"{P}/publication",
    "/api/v1/catalogue",
    f"{P}/exports/<export_format>",
    f"{P}/imports",
    "/api/v1/tokens",
)
pytestmark = [pytest.mark.story, THERE]


def _told(way: str) -> str:
    """All blocks of one way, as one script."""
    blocks = re.findall(rf"\*\*{way}\*\*\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == PAGE.count("\n## "), f"{way} leaves a step out"
    return "\n".join(blocks)


def _run(way: str, url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    script = _told(way).replace("http://127.0.0.1:7001", url).replace(".venv/bin/python", sys.executable)
    command = [sys.executable, "-c", script] if way == "Python" else ["bash", "-euo", "pipefail", "-c", script]
    tools = folder / "bin"
    tools.mkdir()
    (tools / "diyml").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m diyml_client.cli "$@"\n')
    (tools / "diyml").chmod(0o755)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
    }
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=STORY_SECONDS, check=False
    )


@pytest.fixture(scope="module")
def stories(platform: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """What came of each way: its folder, and what it said. They run side by side."""
    prepare = PAGE.split("```bash\n")[1].split("```")[0].replace(".venv/bin/python", sys.executable)
    folders = {way: tmp_path_factory.mktemp(way) for way in WAYS}
    for folder in folders.values():
        subprocess.run(["bash", "-euc", prepare], cwd=folder, check=True, timeout=240)  # noqa: S607 - the user's bash
    with concurrent.futures.ThreadPoolExecutor(len(WAYS)) as pool:
        runs = dict(zip(WAYS, pool.map(lambda way: _run(way, platform[0], folders[way]), WAYS), strict=True))
    for way, run in runs.items():
        assert run.returncode == 0, f"{way}: {run.stdout}\n{run.stderr}"
    return {way: (folders[way], run.stdout) for way, run in runs.items()}


@pytest.mark.parametrize("way", WAYS)
def test_a_story_comes_to_its_end(way: str, stories: dict[str, tuple[Path, str]]):
    folder, said = stories[way]
    assert "succeeded" in said
    assert "zero" in said
    assert (folder / "found.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert (folder / "digits.zip").read_bytes()[:2] == b"PK"


def test_each_way_ends_with_a_token_of_its_own(stories: dict[str, tuple[Path, str]]):
    assert len(stories["diyml"][1].splitlines()[-1]) > 20
