"""Model versions, and which one answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from diyml_client.bound import Bound, Collection
from diyml_client.downloads import Progress, download
from diyml_client.errors import NotFound
from diyml_client.jobs import Job, job_of
from diyml_client.records import Record, read
from diyml_client.transport import Transport, path_of

ONNX = "model.onnx"


@dataclass
class ModelFile(Record):
    """A file of a model; `size` in bytes."""

    name: str = ""
    size: int = 0
    sha256: str = ""
    url: str = ""


@dataclass
class Model(Bound):
    """A model version."""

    id: str = ""
    version: int = 0
    created_at: datetime | None = None
    job_id: str = ""
    precision: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dict)
    serving: bool = False
    published: bool = False
    registered: dict[str, str] | None = None
    files: list[ModelFile] = field(default_factory=list)

    def card(self) -> dict[str, Any]:
        """Classes, preprocessing, metrics, data, licence: all that is known of it."""
        return dict(self._transport.json("GET", path_of("models", self.id, "card")))

    def download(self, target: Path | str, name: str = ONNX, progress: Progress | None = None) -> Path:
        """Fetch one of its files, into a folder or to a path; its hash is compared.

        Raises:
            NotFound: it has no such file.
        """
        file = next((file for file in self.files if file.name == name), None)
        if file is None:
            names = ", ".join(file.name for file in self.files)
            raise NotFound(f"version {self.version} has no file '{name}', only {names or 'none'}")
        path = Path(target)
        path = path / name if path.is_dir() else path
        return download(self._transport, file.url, path, sha256=file.sha256, progress=progress)

    def quantize(self, force: bool = False) -> Job:
        """Have a smaller and faster version made, in int8; `force` has it however much accuracy that costs."""
        path = path_of("models", self.id, "quantize")
        return job_of(self._transport, self._transport.json("POST", path, body={"force": force}))

    def usage(self, days: int = 30) -> dict[str, Any]:
        """Calls, errors and times by day."""
        return dict(self._transport.json("GET", path_of("models", self.id, "usage"), params={"days": days}))

    def delete(self) -> None:
        """Delete it; one that answers cannot be."""
        self._transport.json("DELETE", path_of("models", self.id))


class Models(Collection):
    """`project.models`."""

    def list(self) -> Iterator[Model]:
        """All versions, newest first."""
        path = path_of("projects", self._project, "models")
        return self._transport.pages(path, lambda item: _read(self._transport, item), {})

    def __iter__(self) -> Iterator[Model]:
        """All versions, newest first."""
        return self.list()

    def get(self, version: int) -> Model:
        """One version.

        Raises:
            NotFound: there is none of that number.
        """
        for model in self.list():
            if model.version == version:
                return model
        raise NotFound(f"there is no version {version} of this project's model")

    def load(self, model: str) -> Job:
        """Have a version made of a model that DIYML has logged to MLflow, without training; it does not answer yet.

        Args:
            model: the id of its run, or `models:/<name>/<version>`.
        """
        path = path_of("projects", self._project, "models", "load")
        return job_of(self._transport, self._transport.json("POST", path, body={"model": model}))

    def compare(self, a: int, b: int) -> dict[str, Any]:
        """Two versions side by side: metrics, params, data."""
        path = path_of("projects", self._project, "models", "compare")
        return dict(self._transport.json("GET", path, params={"a": a, "b": b}))


def _read(transport: Transport, data: dict[str, Any]) -> Model:
    return read(Model, data, _transport=transport)
