"""Archives into a project: uploaded in pieces that survive lost connections, then read by the server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from diyml_client import memory
from diyml_client.bound import Bound, Collection
from diyml_client.downloads import Progress, download
from diyml_client.errors import ConnectionFailed, DiymlError, JobFailed, NotFound
from diyml_client.files import sha256_of
from diyml_client.records import read
from diyml_client.retries import BUSY, Waiting
from diyml_client.transport import Transport, path_of

CHUNK_BYTES = 8 * 1024 * 1024
LOOK_SECONDS = 0.5
ENDED = ("succeeded", "failed", "cancelled")
_TUS = {"Tus-Resumable": "1.0.0"}


@dataclass
class Import(Bound):
    """An archive on its way into a project; `progress` 0 to 1, `offset` of `size` bytes have arrived."""

    id: str = ""
    project: str = ""
    state: str = ""
    progress: float = 0.0
    offset: int = 0
    size: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    classes_created: list[str] = field(default_factory=list)
    findings: Any = None
    report_url: str | None = None
    error: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more."""
        return self.state in ENDED

    def refresh(self) -> Import:
        """Read it again."""
        self._take(_read(self._transport, self._transport.json("GET", self._path())))
        return self

    def upload(self, path: Path | str, progress: Progress | None = None) -> Import:
        """Send the archive, from where the server has it; goes on after lost connections.

        Raises:
            DiymlError: it cannot go on; a further call does, from where this one came to.
        """
        send_file(self._transport, self._path("data"), Path(path), progress)
        return self.refresh()

    def follow(self) -> Iterator[Import]:
        """The import each time that it has changed, until it has ended."""
        return followed(self)

    def wait(self, told: Callable[[Import], None] | None = None) -> Import:
        """Wait for its end.

        Raises:
            JobFailed: it failed or was cancelled.
        """
        return finished(self, "import", told)

    def report(self) -> list[dict[str, Any]]:
        """What was found wrong: file, line and reason."""
        items: list[dict[str, Any]] = self._transport.json("GET", self._path("report"), params={"format": "json"})[
            "items"
        ]
        return items

    def download_report(self, target: Path | str) -> Path:
        """The same as a CSV file."""
        return download(self._transport, self._path("report"), Path(target), params={"format": "csv"})

    def cancel(self) -> Import:
        """End it; what is imported already stays."""
        self._transport.json("POST", self._path("cancel"))
        return self.refresh()

    def retry(self, **options: Any) -> Import:
        """Try an ended one again, with the bytes that are still there; options that are named replace the old ones."""
        self._transport.json("POST", self._path("retry"), body=options)
        return self.refresh()

    def delete(self) -> None:
        """Forget it, and what was uploaded for it."""
        self._transport.json("DELETE", self._path())

    def _path(self, *parts: str) -> str:
        return path_of("imports", self.id, *parts)


class Imports(Collection):
    """`project.imports`."""

    def list(self) -> Iterator[Import]:
        """All of the project, newest first."""
        path = path_of("projects", self._project, "imports")
        return self._transport.pages(path, lambda item: _read(self._transport, item), {})

    def get(self, import_id: str) -> Import:
        """One of them."""
        return _read(self._transport, self._transport.json("GET", path_of("imports", import_id)))

    def create(
        self,
        path: Path | str,
        *,
        follow: bool = True,
        resume: bool = True,
        progress: Progress | None = None,
        told: Callable[[Import], None] | None = None,
        **options: Any,
    ) -> Import:
        """Import an archive: a zip or tar file in one of the formats that the server reads.

        Args:
            follow: wait until the server has read it; otherwise this returns when it has all bytes.
            resume: go on with an upload of the same archive that was broken off, also by another run of the program.
            progress: gets the bytes that have arrived, and all of them.
            told: gets the import each time that it has changed, while it is followed.
            options: format, on_conflict, on_same_content, all_or_nothing, create_classes, class_map, split, dry_run.

        Raises:
            JobFailed: it failed or was cancelled, when it is followed.
        """
        file = Path(path)
        mark = [self._transport.url, self._project, sha256_of(file), json.dumps(options, sort_keys=True)]
        record = (self._unfinished(mark) if resume else None) or self._new(file, options)
        memory.keep(mark, record.id)
        record.upload(file, progress)
        memory.drop(mark)
        return record.wait(told) if follow else record

    def _new(self, file: Path, options: Mapping[str, Any]) -> Import:
        body = {"size": file.stat().st_size, "filename": file.name, **options}
        path = path_of("projects", self._project, "imports")
        return _read(self._transport, self._transport.json("POST", path, body=body))

    def _unfinished(self, mark: Sequence[str]) -> Import | None:
        import_id = memory.recall(mark)
        if not import_id:
            return None
        try:
            record = self.get(import_id)
        except NotFound:
            return None
        return record if record.state == "uploading" else None


class Followed(Protocol):
    """What the server works on once it has been sent."""

    state: str
    progress: float
    error: str | None

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more."""
        ...

    def refresh(self) -> Any:
        """Read it again."""
        ...


F = TypeVar("F", bound=Followed)


def followed(record: F) -> Iterator[F]:
    """It each time that it has changed, until it has ended."""
    before: Any = None
    while True:
        record.refresh()
        if (record.state, record.progress) != before:
            before = (record.state, record.progress)
            yield record
        if record.ended:
            return
        time.sleep(LOOK_SECONDS)  # There is no stream of events for these.


def finished(record: F, noun: str, told: Callable[[F], None] | None = None) -> F:
    """Wait for its end.

    Raises:
        JobFailed: it failed or was cancelled.
    """
    for _ in followed(record):
        if told:
            told(record)
    if record.state != "succeeded":
        raise JobFailed(record.error or f"the {noun} was {record.state}", record.state)
    return record


def send_file(transport: Transport, path: str, file: Path, progress: Progress | None = None) -> None:
    """Send all of a file that the server lacks, by tus, to where it takes it."""
    _Sending(transport, path, file, progress).run()


class _Sending:
    """The bytes of one archive, in chunks, from where the server has them."""

    def __init__(self, transport: Transport, path: str, file: Path, progress: Progress | None):
        self._transport = transport
        self._path = path
        self._file = file
        self._size = file.stat().st_size
        self._progress = progress

    def run(self) -> None:
        """Send all that is missing."""
        waiting = Waiting(self._transport.patience)
        offset = self._offset()
        while offset < self._size or self._size == 0:
            try:
                offset = self._send(offset)
                waiting = Waiting(self._transport.patience)
            except DiymlError as error:
                lost = isinstance(error, ConnectionFailed) or error.status in BUSY or error.status == 409
                if not lost or not waiting.pause(error.retry_after_seconds):
                    raise
                # How much of a chunk arrived before the connection broke, only the server knows.
                offset = self._offset()
            self._tell(offset)
            if self._size == 0:
                return

    def _offset(self) -> int:
        headers = self._transport.open("HEAD", self._path, lambda response: response.headers, headers=_TUS)
        return int(headers["Upload-Offset"])

    def _send(self, offset: int) -> int:
        def chunk() -> bytes:
            with self._file.open("rb") as file:
                file.seek(offset)
                return file.read(CHUNK_BYTES)

        headers = {**_TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
        read = self._transport.open(
            "PATCH", self._path, lambda response: response.headers, data=chunk, headers=headers, again=False
        )
        return int(read["Upload-Offset"])

    def _tell(self, offset: int) -> None:
        if self._progress:
            self._progress(offset, self._size)


def _read(transport: Transport, data: dict[str, Any]) -> Import:
    return read(Import, data, _transport=transport)
