"""The client by itself: installed without the server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from diyml_client.version import VERSION as CLIENT_VERSION
from tests.conftest import ROOT
from utils import VERSION


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client, built from its own folder; a copy of it, since a build leaves things behind."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "diyml_client", folder / "diyml_client", ignore=shutil.ignore_patterns("__pycache__"))
    build = ["wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", str(folder), str(folder / "diyml_client")]
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *build], check=True, timeout=240)
    return next(folder.glob("*.whl"))


def test_the_package_holds_all_of_the_client_and_nothing_else(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        about = next(name for name in archive.namelist() if name.endswith("METADATA"))
        metadata = archive.read(about).decode()
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "diyml_client").rglob("*.py")}
    assert held == {*ours, "diyml_client/py.typed"}
    assert f"Version: {VERSION}\n" in metadata
    assert set(re.findall(r"Requires-Dist: (\w+)", metadata)) == {"click", "requests", "rich"}


def test_it_works_where_there_is_no_server(wheel: Path, tmp_path: Path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-m", "diyml_client.cli"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Usage: diyml" in ran.stdout
    assert "The server on this machine" not in ran.stdout


def test_client_and_server_have_one_version():
    assert CLIENT_VERSION == VERSION


def test_the_script_of_a_checkout_finds_its_checkout_through_links(tmp_path: Path):
    bin_folder = tmp_path / "my folder" / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "diyml", bin_folder / "diyml")
    # A link would be a Python of another environment.
    (bin_folder / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (bin_folder / "python").chmod(0o755)
    (tmp_path / "my folder" / "diyml_client").symlink_to(ROOT / "diyml_client")
    (tmp_path / "diyml").symlink_to(bin_folder / "diyml")
    ran = subprocess.run([tmp_path / "diyml", "--version"], cwd="/", capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, f"diyml {VERSION}\n")
