"""The database for a command that needs nothing else: the one that runs, or one started for the time."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator

from launch.backend import ensure
from launch.family import Family, LaunchError
from launch.folder import MAINTENANCE, Holder, holder_of, open_folder
from launch.members import mongod_member
from launch.serve import held
from settings import Settings
from storage.mongod import EmbeddedMongod


@contextlib.contextmanager
def database(settings: Settings, say: Callable[[str], None]) -> Iterator[Settings]:
    """Settings with the address of a database that runs while the block does.

    That is the one given; else that of the platform that runs on the data folder; else the embedded one, started
    without worker and web server and ended cleanly after the block.

    Raises:
        LaunchError: there is none, or somebody else holds the folder.
        MongodError: it does not start.
    """
    if settings.mongo_uri:
        yield settings
        return
    server = EmbeddedMongod(settings.data_dir)
    if not server.file.exists():
        raise LaunchError(f"there is no database in {server.folder}: DIYML_DATA_DIR names the data folder")
    folder = open_folder(settings.data_dir)
    settings = dataclasses.replace(settings, data_dir=folder)
    holder = holder_of(folder)
    if holder and holder.kind != MAINTENANCE:
        yield ensure(settings)
        return
    me = Holder(os.getpid(), MAINTENANCE)
    with held(folder, me) as lock:
        lock.describe(me)
        server.prepare()
        family = Family([mongod_member(server, settings)], say)
        try:
            family.start()
            yield dataclasses.replace(settings, mongo_uri=server.connection().uri)
        finally:
            family.stop()
