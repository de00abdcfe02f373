"""Trainings as documents of YAML or JSON: looked at, started, found again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diyml_client.bound import Collection
from diyml_client.jobs import Job, Jobs, job_of
from diyml_client.records import Record, read
from diyml_client.transport import path_of

YAML, JSON = "application/yaml", "application/json"
DocumentLike = Path | str | bytes


@dataclass
class Evaluation(Record):
    """What a model must be worth to be published; none of the bounds: nobody has said."""

    metric: str = ""
    minimum: float | None = None
    maximum: float | None = None

    @property
    def decides(self) -> bool:
        """Whether there is anything to be reached."""
        return self.minimum is not None or self.maximum is not None

    @property
    def words(self) -> str:
        """What is wanted: `accuracy at least 0.9`."""
        bounds = (("at least", self.minimum), ("at most", self.maximum))
        return f"{self.metric} {' and '.join(f'{word} {bound:g}' for word, bound in bounds if bound is not None)}"

    def reached(self, value: float) -> bool:
        """Whether a model with this value is worth it."""
        least = self.minimum is None or value >= self.minimum
        return least and (self.maximum is None or value <= self.maximum)


@dataclass
class CheckedExperiment(Record):
    """What the server has read in a document that is right; `file` is where its sender has the data."""

    name: str = ""
    type: str = ""
    project: str = ""
    file: str | None = None
    sha256: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    evaluation: Evaluation = field(default_factory=Evaluation)


class Experiments(Collection):
    """`client.experiments`, and `project.experiments`."""

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of documents, for editors."""
        return dict(self._transport.json("GET", path_of("experiments", "schema")))

    def validate(self, document: DocumentLike) -> CheckedExperiment:
        """Look at a document: alone, or of a project also whether it fits to its data.

        Args:
            document: a file, or its text.

        Raises:
            InvalidRequest: it is wrong; `errors` has an entry for each mistake, with `line` and `column`.
        """
        path = (
            path_of("projects", self._project, "experiments") if self._project else path_of("experiments", "validate")
        )
        return read(CheckedExperiment, self._send(path, document, {"validate": True if self._project else None}))

    def train(self, document: DocumentLike, source: str = "") -> Job:
        """Start the training that a document of this project describes.

        Args:
            source: what you know the data by, such as a hash of the files that you imported; the job keeps it.
        """
        path = path_of("projects", self._project, "experiments")
        return job_of(self._transport, self._send(path, document, {"source": source or None}))

    def jobs(self, name: str, state: str | None = None) -> Iterator[Job]:
        """The trainings of the experiment of this name, newest first."""
        listed = Jobs(self._transport, self._project).list(state)
        return (job for job in listed if (job.experiment or {}).get("name") == name)

    def _send(self, path: str, document: DocumentLike, params: dict[str, Any]) -> Any:
        content, media_type = content_of(document)
        headers = {"Content-Type": media_type}
        return self._transport.json("POST", path, params=params, data=lambda: content, headers=headers)


def content_of(document: DocumentLike) -> tuple[bytes, str]:
    """The bytes of a document and its media type: JSON is told by the name of its file, and is good YAML otherwise."""
    if isinstance(document, Path):
        return document.read_bytes(), JSON if document.suffix.lower() == ".json" else YAML
    return (document.encode() if isinstance(document, str) else document), YAML
