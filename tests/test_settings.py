"""The settings: what the environment says, and the table that documents them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from environments import child_environment
from settings import Settings, SettingsError
from tests.conftest import ROOT

TABLE = ROOT / "docs" / "settings.md"
FIELDS = dataclasses.fields(Settings)


def rows() -> list[str]:
    """The table's rows as the settings themselves say; copy them into the document when they differ."""
    return [
        f"| `{item.metadata['env']}` | {_default(item.default)} | {item.metadata['unit']} | {item.metadata['help']} |"
        for item in FIELDS
    ]


def _default(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`" if text else "empty"


def test_the_document_lists_every_setting_as_it_is():
    documented = [line for line in TABLE.read_text().splitlines() if line.startswith("| `")]
    assert documented == rows()


def test_every_setting_says_what_it_means_and_has_a_variable_of_its_own():
    assert len({item.metadata["env"] for item in FIELDS}) == len(FIELDS)
    for item in FIELDS:
        assert re.fullmatch(r"(DIYML|MONGO|CELERY|MOODLE|MLFLOW)_[A-Z0-9_]+", item.metadata["env"])
        assert item.metadata["help"].endswith(".")


def test_with_nothing_set_the_defaults_hold():
    assert Settings.from_environment({}) == dataclasses.replace(Settings(), data_dir=Path("data").absolute())
    assert Settings.from_environment({"DIYML_PORT": "", "PATH": "/bin"}) == Settings.from_environment({})


def test_every_kind_of_value_is_read():
    settings = Settings.from_environment(
        {
            "DIYML_PORT": "80",
            "DIYML_JOB_HOURS": "0.5",
            "DIYML_OPEN_LISTING": "No",
            "DIYML_DOWNLOAD_WEIGHTS": " TRUE ",
            "DIYML_DATA_DIR": "some folder",
            "MONGO_URI": "mongodb://host/?x=1",
        }
    )
    assert (settings.port, settings.job_hours, settings.mongo_uri) == (80, 0.5, "mongodb://host/?x=1")
    assert (settings.open_listing, settings.download_weights) == (False, True)
    assert settings.data_dir == Path("some folder").absolute()


def test_a_child_process_reads_the_same_settings():
    settings = dataclasses.replace(
        Settings(), data_dir=Path("/a b/ü").absolute(), open_listing=False, heartbeat_seconds=0.25, mongo_uri="m://x"
    )
    assert Settings.from_environment(settings.to_environment()) == settings
    assert Settings.from_environment(child_environment(settings, DIYML_PORT="9")).port == 9


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("DIYML_PORT", "seventy"),
        ("DIYML_PORT", "70.5"),
        ("DIYML_JOB_HOURS", "a day"),
        ("DIYML_OPEN_LISTING", "perhaps"),
        ("DIYML_TOKEN_DAYS", "90 days"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_what_was_wanted(variable: str, text: str):
    with pytest.raises(SettingsError, match=rf"{variable} must be .*, got '{text}'"):
        Settings.from_environment({variable: text})


def test_weights_lie_in_the_data_folder_unless_told_otherwise():
    assert Settings().weights_path == Path("data/weights")
    assert Settings(weights_dir="/shared").weights_path == Path("/shared")


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("DIYML_BCRYPT_ROUNDS", "99", "4..31"),
        ("DIYML_WEB_WORKERS", "0", "1..256"),
        ("DIYML_HEARTBEAT_SECONDS", "nan", "at least 0.05"),
        ("DIYML_TRUSTED_PROXIES", "-1", "at least 0"),
    ],
)
def test_a_number_out_of_its_range_is_told_with_the_range(variable, value, allowed):
    with pytest.raises(SettingsError, match=f"{variable} must be {re.escape(allowed)}, got {value}"):
        Settings.from_environment({variable: value})
