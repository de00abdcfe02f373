"""Packaging: `pip install .` gives the modules and the `diyml` command."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
ROOMS = [
    "api",
    "storage",
    "streams",
    "datasets",
    "training",
    "inference",
    "notifications",
    "tracking",
    "alerts",
    "launch",
    "diyml_client",
    "moodle",
    "moodlemlbackend",
]


def version() -> str:
    """The one written in utils.py, without importing it."""
    found = re.search(r'^VERSION = "(.+)"$', (HERE / "utils.py").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError("utils.py states no version")
    return found.group(1)


def requirements() -> list:
    """The lines of requirements.in, without comments."""
    lines = (line.split("#")[0].strip() for line in (HERE / "requirements.in").read_text().splitlines())
    return [line for line in lines if line]


setup(
    name="diyml",
    version=version(),
    description="A self-hosted platform on which anybody makes their own models",
    python_requires=">=3.10",
    py_modules=["DIYML", "environments", "settings", "utils"],
    packages=find_packages(include=[pattern for room in ROOMS for pattern in (room, f"{room}.*")]),
    install_requires=requirements(),
    package_data={"diyml_client": ["py.typed"]},
    entry_points={"console_scripts": ["diyml=diyml_client.cli.main:main"]},
)
