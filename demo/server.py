"""A DIYML of the demo's own: on a free port, over a data folder that is thrown away."""

from __future__ import annotations

import dataclasses
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launch.family import Family, Member
from launch.members import is_healthy, member_environment
from launch.serve import address_of
from settings import Settings

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
DATABASE = "diyml_demo"
READY_SECONDS, STOP_SECONDS = 120, 90


@contextmanager
def temporary_folder(keep: bool) -> Iterator[Path]:
    """A folder that is removed at the end, unless it is to be kept."""
    folder = Path(tempfile.mkdtemp(prefix="diyml-demo-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def own_server(folder: Path) -> Iterator[str]:
    """Runs `python DIYML.py` while the block lasts, however it ends; gives its address.

    A MONGO_URI of the environment is used, with a database of the demo's own in it.

    Raises:
        LaunchError: it did not start; says why.
    """
    settings = Settings.from_environment()
    if settings.mongo_uri:
        settings = dataclasses.replace(settings, database=DATABASE)
    settings = dataclasses.replace(settings, data_dir=folder, host=HOST, port=_free_port(), broker_url="")
    member = Member(
        name="DIYML",
        command=[sys.executable, str(ROOT / "DIYML.py")],
        environment=member_environment(settings),
        log=folder / "logs" / "diyml.log",
        ready=lambda: is_healthy(settings.host, settings.port),
        ready_seconds=READY_SECONDS,
        stop_seconds=STOP_SECONDS,
    )
    family = Family([member], lambda line: None)
    try:
        family.start()
        yield address_of(settings)
    finally:
        family.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]
