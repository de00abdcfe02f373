"""The checkpoint of a detector: ultralytics' own two files and the metrics so far, in one.

Ultralytics' files are pickles, which can run code when they are read. They are trusted because a training process of
ours wrote them, and the supervisor has compared the whole file with the hash that the job names.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LAST, _BEST, _STATE = "last.pt", "best.pt", "state.json"


@dataclass(frozen=True)
class Resumed:
    """A checkpoint on disk.

    Attributes:
        last: ultralytics' checkpoint, from which it goes on.
        best: its checkpoint of the best epoch so far.
        history: metrics of each finished epoch.
        arguments: what decides the network and that a machine with other weights or settings would choose otherwise.
    """

    last: Path
    best: Path
    history: list[dict[str, float]]
    arguments: dict[str, Any]


def pack(path: Path, engine: Any, history: list[dict[str, float]], arguments: dict[str, Any]) -> None:
    """Write one file of what ultralytics' trainer has saved last."""
    with zipfile.ZipFile(path, "w") as target:
        target.write(engine.last, _LAST)
        target.write(engine.best, _BEST)
        target.writestr(_STATE, json.dumps({"history": history, "arguments": arguments}))


def unpack(path: Path, folder: Path) -> Resumed:
    """Read what `pack` wrote into a new folder.

    Raises:
        Exception: of any kind, when it cannot be read.
    """
    folder.mkdir()
    with zipfile.ZipFile(path) as source:
        source.extract(_LAST, folder)
        source.extract(_BEST, folder)
        state = json.loads(source.read(_STATE))
    return Resumed(folder / _LAST, folder / _BEST, state["history"], state["arguments"])
