"""Rows of a CSV file to predictions: in the answer while the file is small, else by a prediction job."""

from __future__ import annotations

import contextlib
import gzip
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from diyml_client import memory
from diyml_client.bound import Bound, Collection
from diyml_client.downloads import Progress, download
from diyml_client.errors import ConnectionFailed, DiymlError, InvalidRequest, NotFound
from diyml_client.files import PIECE_BYTES, sha256_of
from diyml_client.imports import ENDED, finished, followed, send_file
from diyml_client.multipart import FileBody
from diyml_client.records import read
from diyml_client.transport import Transport, path_of

# A server may answer less at once, and then says so.
MOST_AT_ONCE_BYTES = 64 * 1024 * 1024
_TOO_LARGE = 413
_WARNINGS = "Diyml-Warnings"


@dataclass
class PredictionJob(Bound):
    """A file whose rows are predicted in the background; `rows` so far, `progress` 0 to 1."""

    id: str = ""
    project: str = ""
    model_id: str = ""
    state: str = ""
    progress: float = 0.0
    rows: int = 0
    filename: str = ""
    offset: int = 0
    size: int = 0
    error: str | None = None
    warnings: list[str] = field(default_factory=list)
    created_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    result_url: str | None = None
    result_bytes: int | None = None
    result_sha256: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more."""
        return self.state in ENDED

    def refresh(self) -> PredictionJob:
        """Read it again."""
        self._take(_read(self._transport, self._transport.json("GET", self._path())))
        return self

    def upload(self, path: Path | str, progress: Progress | None = None) -> PredictionJob:
        """Send the file, from where the server has it; goes on after lost connections."""
        send_file(self._transport, self._path("data"), Path(path), progress)
        return self.refresh()

    def follow(self) -> Iterator[PredictionJob]:
        """The job each time that it has changed, until it has ended."""
        return followed(self)

    def wait(self, told: Callable[[PredictionJob], None] | None = None) -> PredictionJob:
        """Wait for its end.

        Raises:
            JobFailed: it failed or was cancelled.
        """
        return finished(self, "prediction job", told)

    def download(self, target: Path | str, progress: Progress | None = None) -> Path:
        """Fetch the rows with what was predicted: a CSV file, packed where the name of `target` ends with `.gz`."""
        path = Path(target)
        packed = path if path.suffix == ".gz" else path.with_name(f"{path.name}.gz.part")
        download(self._transport, self._path("result"), packed, sha256=self.result_sha256, progress=progress)
        if packed != path:
            try:
                _unpack(packed, path)
            finally:
                packed.unlink(missing_ok=True)
        return path

    def cancel(self) -> PredictionJob:
        """End it, without a result."""
        self._transport.json("POST", self._path("cancel"))
        return self.refresh()

    def delete(self) -> None:
        """Forget it, its file and its result."""
        self._transport.json("DELETE", self._path())

    def _path(self, *parts: str) -> str:
        return path_of("prediction-jobs", self.id, *parts)


class PredictionJobs(Collection):
    """`client.prediction_jobs`."""

    def list(self) -> Iterator[PredictionJob]:
        """One's own, newest first."""
        return self._transport.pages(path_of("prediction-jobs"), lambda item: _read(self._transport, item), {})

    def get(self, job_id: str) -> PredictionJob:
        """One of them."""
        return _read(self._transport, self._transport.json("GET", path_of("prediction-jobs", job_id)))

    def create(
        self, project: str, path: Path | str, progress: Progress | None = None, webhook: str | None = None
    ) -> PredictionJob:
        """Send a CSV file, which may be packed with gzip; an upload of the same file that was broken off goes on.

        Args:
            project: name of a published one.
            webhook: id of a webhook that is told of the end.
        """
        file = Path(path)
        mark = [self._transport.url, "prediction-job", project, sha256_of(file), webhook or ""]
        job = self._unfinished(mark) or self._new(project, file, webhook)
        memory.keep(mark, job.id)
        job.upload(file, progress)
        memory.drop(mark)
        return job

    def _new(self, project: str, file: Path, webhook: str | None) -> PredictionJob:
        body: dict[str, Any] = {"size": file.stat().st_size, "filename": file.name}
        if webhook:
            body["webhook"] = webhook
        path = path_of("published", project, "prediction-jobs")
        return _read(self._transport, self._transport.json("POST", path, body=body))

    def _unfinished(self, mark: Sequence[str]) -> PredictionJob | None:
        job_id = memory.recall(mark)
        try:
            job = self.get(job_id) if job_id else None
        except NotFound:
            return None
        return job if job and job.state == "uploading" else None


def predict_csv(
    transport: Transport,
    project: str,
    source: Path,
    target: Path,
    progress: Progress | None = None,
    told: Callable[[PredictionJob], None] | None = None,
    warned: Callable[[list[str]], None] | None = None,
) -> Path:
    """Predict the rows of a file and write them to another, with what was predicted; a job is used where it must be.

    Raises:
        InvalidRequest: the file is no CSV, or a cell cannot be read.
        JobFailed: likewise, of a file that is predicted by a job.
    """
    if source.suffix != ".gz" and source.stat().st_size <= MOST_AT_ONCE_BYTES and target.suffix != ".gz":
        try:
            return _at_once(transport, project, source, target, warned)
        except InvalidRequest as error:
            if error.status != _TOO_LARGE:
                raise
        except ConnectionFailed:
            pass  # a mistake behind the first rows ends the answer early; a job says which
    job = PredictionJobs(transport).create(project, source, progress)
    job.wait(told).download(target)
    if warned and job.warnings:
        warned(job.warnings)
    with contextlib.suppress(DiymlError):  # it goes by itself
        job.delete()
    return target


def _at_once(
    transport: Transport, project: str, source: Path, target: Path, warned: Callable[[list[str]], None] | None
) -> Path:
    part = target.with_name(f"{target.name}.part")

    def take(response: requests.Response) -> None:
        with part.open("wb") as file:
            for piece in response.iter_content(PIECE_BYTES):
                file.write(piece)
        if warned and _WARNINGS in response.headers:
            warned(json.loads(response.headers[_WARNINGS]))

    try:
        path, headers = path_of("published", project, "predict-csv"), {"Content-Type": "text/csv"}
        transport.open("POST", path, take, data=lambda: FileBody(source), headers=headers, again=False)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _unpack(packed: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    try:
        with gzip.open(packed, "rb") as source, part.open("wb") as file:
            shutil.copyfileobj(source, file, PIECE_BYTES)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _read(transport: Transport, data: dict[str, Any]) -> PredictionJob:
    return read(PredictionJob, data, _transport=transport)
