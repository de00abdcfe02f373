"""What kinds of data projects hold, and what a training needs to know of a kind."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from bson import ObjectId

from datasets.findings import Finding
from storage.import_record import Import
from storage.projects import Project
from storage.store import Store

if TYPE_CHECKING:
    from datasets.formats.protocol import Finding as Found
    from datasets.imports.interrupts import Interrupts


class Snapshot(Protocol):
    """The data of a project as they were at one moment."""

    @property
    def project_type(self) -> str:
        """Of the project."""
        ...

    def digest(self) -> str:
        """SHA-256; equal data have the same."""
        ...


class Frozen(Protocol):
    """The data of a project as a version of its dataset has them."""

    def snapshot(self) -> Any:
        """What a training sees of them."""
        ...

    def counts(self) -> dict[str, Any]:
        """How much is in it, of the names in `storage.versions.COUNTED`."""
        ...

    def to_bytes(self) -> bytes:
        """For the version to keep; equal data give equal bytes."""
        ...


@dataclass(frozen=True)
class Export:
    """Data of a project as one file that other tools read.

    Attributes:
        filename: as it is to be saved.
        length: in bytes.
        stream: gives the content in pieces, once.
    """

    filename: str
    media_type: str
    length: int
    stream: Callable[[], Iterable[bytes]]


class Record(Protocol):
    """What a training is made from: a snapshot, and the part that each image or row of it is in."""

    @property
    def trained_on(self) -> int:
        """How many images or rows are trained on."""
        ...

    @property
    def held_back(self) -> int:
        """How many of them are validated on and not trained on."""
        ...

    def to_bytes(self) -> bytes:
        """For the job to keep; equal data give equal bytes."""
        ...

    def notes(self) -> Sequence[str]:
        """What a person should know of the split, a sentence each."""
        ...

    def contents(self) -> Counter[str]:
        """Everything in it, by hash, to be compared with other records."""
        ...


class Dataset(Protocol):
    """Data on a worker's disk, split; what a trainer gets."""

    @property
    def digest(self) -> str:
        """That of the snapshot."""
        ...

    def write(self, path: Path) -> None:
        """Write what the training process reads by `DataKind.read_dataset`."""
        ...


class FileImport(Protocol):
    """An import of one file that is the data as a whole. Until all of it is stored the project has what it had."""

    def run(self, file: BinaryIO) -> dict[str, int]:
        """Import the file, which can seek; gives counts, of the names in `storage.import_record.COUNTED`.

        Raises:
            InvalidInput: it is nothing that is taken, in words.
            Interrupted: see `Interrupts.look`.
        """
        ...


class DataKind(Protocol):
    """One kind of data. Safe to use from many threads.

    Attributes:
        name: of the data as a whole: `images` or `table`.
        noun: what a project of the kind holds, in a sentence: `images`, `a table`.
        unit: what the data are counted by: `image`, `row`.
        import_formats: names of the formats in which they are imported.
        import_options: names of the `ImportOptions` that mean something for them; None when all do.
    """

    name: str
    noun: str
    unit: str
    import_formats: tuple[str, ...]
    import_options: frozenset[str] | None

    def file_import(
        self,
        store: Store,
        record: Import,
        folder: Path,
        interrupts: Interrupts,
        note: Callable[..., None],
        report: Callable[[Found], None],
    ) -> FileImport | None:
        """What imports a file of this kind; None when an import is an archive of images, in a dataset format.

        Args:
            folder: for temporary files.
            interrupts: say when it has to end before its time.
            note: notes fields of the import.
            report: takes a finding.
        """
        ...

    def gather(self, store: Store, project: Project, folder: Path) -> None:
        """Bring together what came to the project in parts; a worker does before it takes a snapshot.

        Args:
            folder: for temporary files.
        """
        ...

    def capture(self, store: Store, project: Project) -> Any:
        """A snapshot of the project's data as they are now."""
        ...

    def current(self, store: Store, project: Project) -> Any:
        """What the project holds now, as a version would have it.

        Raises:
            Conflict: it holds nothing that a version could be made of.
        """
        ...

    def freeze(self, store: Store, project: Project, version_id: ObjectId) -> Frozen | None:
        """`current`, with all files in it kept for a version; None when the data have changed meanwhile.

        Raises:
            Conflict: as `current`.
        """
        ...

    def thaw(self, store: Store, project: Project, content: bytes) -> Any:
        """Read what `Frozen.to_bytes` wrote.

        Raises:
            ValueError: it is of another format, or damaged.
            NotFound: what it names is not stored any more.
        """
        ...

    def of_version(self, store: Store, project: Project, frozen: Any) -> Any:
        """What a training on a version sees, with all that is known of the data by now."""
        ...

    def compare(self, store: Store, before: Any, after: Any) -> dict[str, Any]:
        """What is different between two that are frozen, as plain values; `same` says whether anything is.

        Raises:
            Conflict: what is known of them is lost or damaged.
        """
        ...

    def exporter(self, name: str, project: Project) -> Callable[[Store, Any], Export]:
        """What makes an export in the format of this name from what is frozen.

        Raises:
            NotFound: there is no such format.
            InvalidInput: it cannot hold the data of this project.
        """
        ...

    def missing(self, snapshot: Any) -> list[Finding]:
        """What keeps any trainer from training on it."""
        ...

    def advice(self, snapshot: Any, project: Project) -> list[Finding]:
        """What may disappoint."""
        ...

    def cache(self, folder: Path, most_bytes: int) -> Any:
        """What brings data to a worker's disk and keeps them for the next training."""
        ...

    def split(self, store: Store, snapshot: Any, train_fraction: float, seed: int, cache: Any) -> Record:
        """Decide which part everything is in.

        Raises:
            NotFound: the data have changed since the snapshot: take another one.
            InvalidInput: they cannot be split; says why.
        """
        ...

    def read_record(self, content: bytes) -> Any:
        """Read what `Record.to_bytes` wrote.

        Raises:
            ValueError: it is of another format, or damaged.
        """
        ...

    def as_stored(self, store: Store, project_id: ObjectId, record: Any) -> Any:
        """The same data in files that are stored now.

        Raises:
            Conflict: some of it is not stored any more; says what.
        """
        ...

    def materialise(self, store: Store, job_id: ObjectId, record: Any, cache: Any, folder: Path) -> Dataset:
        """Bring the data to disk; from here on they stay stored as long as the job.

        Args:
            folder: of the job, for what is the job's own.

        Raises:
            NotFound: as `split`; `DamagedFile` when a file is not what was uploaded.
        """
        ...

    def read_dataset(self, path: Path) -> Any:
        """Read what `Dataset.write` wrote."""
        ...


class Caches:
    """The cache of each kind, made when it is first needed.

    Args:
        root: with a folder for each kind.
        most_bytes: of each.
    """

    def __init__(self, root: Path, most_bytes: int):
        self._root = root
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._made: dict[str, Any] = {}

    def of(self, kind: DataKind) -> Any:
        """The cache of a kind, the same for every thread: it knows what each of them is using."""
        with self._lock:
            if kind.name not in self._made:
                self._made[kind.name] = kind.cache(self._root / kind.name, self._most_bytes)
            return self._made[kind.name]
