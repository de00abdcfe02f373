"""What web processes and engine of one web server share: `<data>/run/web-<port>`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from settings import Settings


@dataclass(frozen=True)
class RunFolder:
    """Belongs to one run; nobody but its user may enter."""

    path: Path

    @classmethod
    def of(cls, settings: Settings) -> RunFolder:
        """That of a web server with these settings."""
        return cls(settings.data_dir.absolute() / "run" / f"web-{settings.port}")

    @property
    def socket(self) -> Path:
        """Where the engine listens."""
        return self.path / "inference.sock"

    @property
    def room(self) -> Path:
        """A file of one byte: for how many more images the engine has room."""
        return self.path / "inference.room"

    @property
    def metrics(self) -> Path:
        """Where all of them count."""
        return self.path / "metrics"

    @property
    def suspects(self) -> Path:
        """Which models were being loaded when an engine died."""
        return self.path / "suspects"

    @property
    def empty(self) -> Path:
        """Where all of them work, so that a relative path leads nowhere."""
        return self.path / "empty"

    def make(self) -> RunFolder:
        """Make what is missing of it."""
        for folder in (self.path.parent, self.path, self.metrics, self.suspects, self.empty):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self

    def make_anew(self) -> RunFolder:
        """Make it without what an earlier run has left."""
        shutil.rmtree(self.path, ignore_errors=True)
        return self.make()
