"""Keeps what Moodle sends, without who sent it, so that it can be sent again."""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

logger = logging.getLogger(__name__)
REQUEST = "request.json"


@dataclass(frozen=True)
class Payload:
    """One request: method and path, parameters, and the files by the names of their fields."""

    method: str
    path: str
    parameters: dict[str, str]
    files: dict[str, Path]


class Stash:
    """A folder with a folder for each request, named by when it came."""

    def __init__(self, folder: Path):
        self._folder = folder

    def keep(self, payload: Payload) -> None:
        """Keep a request; one that cannot be kept is answered nevertheless, and stands in the log."""
        name = f"{time.time_ns():020}-{payload.path.strip('/')}-{secrets.token_hex(4)}"
        begun = self._folder / f".{name}"
        try:
            begun.mkdir(mode=0o700, parents=True)
            for field, path in payload.files.items():
                shutil.copyfile(path, begun / field)
            told = {**asdict(payload), "files": sorted(payload.files)}
            (begun / REQUEST).write_text(json.dumps(told, indent=1))
            os.replace(begun, self._folder / name)
        except OSError as error:
            logger.warning("a request could not be stashed: %s", error.strerror)
            shutil.rmtree(begun, ignore_errors=True)


def stashed(folder: Path) -> list[Path]:
    """The requests of a folder, in the order in which they came."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and (path / REQUEST).is_file())


def read_payload(folder: Path) -> Payload:
    """A request as it was kept.

    Raises:
        ValueError: the folder holds none.
    """
    told = json.loads((folder / REQUEST).read_text())
    files = {str(name): folder / Path(name).name for name in told["files"]}
    return Payload(str(told["method"]), str(told["path"]), dict(told["parameters"]), files)
