"""A user of a real platform, and images that are easy to tell apart."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from diyml_client import Client, Patience, Project
from tests.conftest import PASSWORD
from tests.training.conftest import shade

QUICK = Patience(tries=12, seconds=30, first_seconds=0.05, longest_seconds=1)


@pytest.fixture(scope="module")
def user(platform: tuple[str, Path]) -> Client:
    """Somebody who has signed up."""
    return Client.signup(platform[0], f"ada-{secrets.token_hex(4)}", PASSWORD, patience=QUICK)


@pytest.fixture(scope="module")
def guest(platform: tuple[str, Path]) -> Client:
    """Somebody else."""
    return Client.signup(platform[0], f"grace-{secrets.token_hex(4)}", PASSWORD, patience=QUICK)


@pytest.fixture
def project(user: Client) -> Project:
    """An empty project of two classes."""
    return user.projects.create(f"shades-{secrets.token_hex(4)}", "classification", classes=["dark", "bright"])


@pytest.fixture(scope="session")
def shades(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder a class: six dark and six bright pictures."""
    root = tmp_path_factory.mktemp("shades") / "shades"
    for number in range(12):
        label, value = ("dark", 50) if number % 2 else ("bright", 200)
        path = root / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(shade(value, number))
    return root


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of one's own, without a login."""
    for name in ("DIYML_URL", "DIYML_TOKEN", "DIYML_PROFILE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path
