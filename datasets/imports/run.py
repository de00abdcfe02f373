"""One attempt at one import, from the claim to its end."""

from __future__ import annotations

import io
import logging
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from datasets.archives.members import Limits
from datasets.archives.opening import open_archive
from datasets.formats.protocol import DatasetFormat, ReadDataset, Source
from datasets.formats.registry import FORMATS, recognise
from datasets.imports.candidates import Candidates
from datasets.imports.classes import Classes, match
from datasets.imports.findings import MOST_FINDINGS, Findings, row_of, write_report
from datasets.imports.interrupts import Cancelled, Interrupted, Interrupts, Lost, Stopped
from datasets.imports.names import ImageNames
from datasets.imports.options import AUTO, ImportOptions
from datasets.imports.placer import Placer
from datasets.registry import KINDS
from settings import Settings
from storage.import_record import Import, ImportState
from storage.piece_file import PieceFile
from storage.projects import Project
from storage.store import Store
from utils import InvalidInput, NotFound, plural, without_folders

logger = logging.getLogger(__name__)

STOPPED = "the worker was stopped"
_UNPACKED_TIMES = 4
_BUFFER_BYTES = 64 * 1024
_NEARLY_DONE = 0.99


@dataclass(frozen=True)
class _End:
    """How an import ends, with what there is to report."""

    state: ImportState
    error: str | None
    findings: Findings


class ImportRun:
    """Sees one claimed import through.

    Args:
        folder: for temporary files.
        pool: in which images are hashed and decoded.
        interrupts: say when it has to end before its time.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        record: Import,
        folder: Path,
        pool: ThreadPoolExecutor,
        interrupts: Interrupts,
    ):
        self._store = store
        self._settings = settings
        self._record = record
        self._folder = folder
        self._pool = pool
        self._interrupts = interrupts
        self._options = ImportOptions.of(record.options)
        self._run = f"{record.id}:{record.run}"
        self._findings = Findings()
        self._counts: Counter[str] = Counter(record.counts)

    def run(self) -> None:
        """Import, and record the end; what interrupts it is recorded as well."""
        try:
            end = self._import()
        except (InvalidInput, NotFound) as error:
            end = _End(ImportState.FAILED, error.detail, self._findings)
        except Cancelled:
            end = _End(ImportState.CANCELLED, "cancelled: what was imported until then stays", self._findings)
        except Lost:
            return
        except Stopped:
            self._store.import_runs.release(self._record, STOPPED, counts=False)
            return
        self._end(end)

    def fail(self, error: Exception) -> None:
        """Give it back after a fault of ours, which another attempt may not meet."""
        reason = f"the worker could not see the import through: {without_folders(str(error))[:500]}"
        self._store.import_runs.release(self._record, reason)

    def _end(self, end: _End) -> None:
        rows = [row_of(finding) for finding in end.findings.kept]
        known = self._store.import_runs.found(self._record)
        kept = [*rows, *known][:MOST_FINDINGS]
        count = end.findings.count + max(len(known), self._counts["failed"])
        fields = {"counts": dict(self._counts), "findings": count, "findings_left_out": count - len(kept)}
        try:
            report = write_report(self._store.artifacts, self._record, kept, count - len(kept))
            self._store.import_runs.end(self._record, end.state, end.error, report, fields)
        except Interrupted:
            return
        logger.info("import %s: %s %s", self._record.id, end.state.value, dict(self._counts))
        if end.state is ImportState.SUCCEEDED:
            self._store.imports.drop_pieces()

    def _import(self) -> _End:
        persist = self._interrupts.persist
        pieces = persist(lambda: self._store.imports.pieces(self._record.id))
        if sum(piece.size for piece in pieces) != self._record.size:
            raise InvalidInput("the bytes of the upload are not there any more: upload the archive again")
        project = persist(lambda: self._store.projects.get(self._record.project_id))
        if project is None:
            raise Cancelled
        raw = PieceFile(self._store.uploads, pieces, persist)
        file = cast(BinaryIO, io.BufferedReader(raw, _BUFFER_BYTES))
        whole = KINDS[project.type].file_import(
            self._store, self._record, self._folder, self._interrupts, self._note, self._findings.add
        )
        if whole is not None:
            self._counts.update(whole.run(file))
            return _End(ImportState.SUCCEEDED, None, self._findings)
        limits = Limits(self._settings.max_import_files, _UNPACKED_TIMES * self._settings.max_import_bytes)
        with open_archive(file, self._folder, limits, self._findings.add, self._interrupts.look) as source:
            format = self._format(source)
            self._note(format=format.name)
            return self._passes(source, format, project)

    def _format(self, source: Source) -> DatasetFormat:
        if self._options.format != AUTO:
            return FORMATS[self._options.format]
        found = recognise(source)
        if found is None:
            raise InvalidInput(
                f"no dataset was recognised: wanted one of {', '.join(FORMATS)}; say which with `format`"
            )
        return found

    def _passes(self, source: Source, format: DatasetFormat, project: Project) -> _End:
        """Look through everything first when that is wanted, then import."""
        opened = self._findings
        if self._options.dry_run or (self._options.all_or_nothing and not self._record.validated):
            self._start_pass(validated=False)
            self._pass(source, format, project, writes=False)
            bad = self._findings.count + self._counts["failed"] + len(self._store.import_runs.found(self._record))
            if self._options.all_or_nothing and bad:
                for name in ("created", "replaced", "annotations"):
                    self._counts[name] = 0
                reason = f"{plural(bad, 'finding')}, see the report: nothing was imported (all_or_nothing)"
                return _End(ImportState.FAILED, reason, self._findings)
            if self._options.dry_run:
                return _End(ImportState.SUCCEEDED, None, self._findings)
            self._findings = opened
            self._start_pass(validated=True)
            self._pass(source, format, project, writes=True)
        else:
            self._pass(source, format, project, writes=True, skip=self._record.done)
        return _End(ImportState.SUCCEEDED, None, self._findings)

    def _start_pass(self, validated: bool) -> None:
        self._counts = Counter()
        self._note(validated=validated, done=0, counts={}, found=[], progress=0.0)

    def _pass(self, source: Source, format: DatasetFormat, project: Project, writes: bool, skip: int = 0) -> None:
        self._findings = self._findings.copy()
        dataset = format.read(source, self._findings.add)
        classes = match(project, dataset.classes, self._options, self._findings.add)
        if writes:
            classes = self._with_classes(classes, dataset)
        names = ImageNames(source.names())
        placer = Placer(
            self._store, classes, self._options, names, self._run, writes, self._settings.max_image_pixels,
            self._pool, self._interrupts,
        )  # fmt: skip
        self._counts["files"] = len(source.names())
        done = skip
        for batch in Candidates(source, names, self._run, skip, self._interrupts.look).batches(dataset.images):
            outcome = placer.place(batch)
            done += len(batch)
            self._counts.update(outcome.counts)
            share = min(_NEARLY_DONE, done / max(1, names.total))
            self._advance(done, share, [row_of(finding) for finding in outcome.found])

    def _with_classes(self, classes: Classes, dataset: ReadDataset) -> Classes:
        """The classes after those that the project lacks are added to it; noted first, so that a report names them."""
        if not classes.created:
            return classes
        self._note(classes_created=[*self._record.classes_created, *classes.created])
        project = self._interrupts.persist(lambda: self._store.projects.refresh(classes.project))
        missing = [name for name in classes.created if name not in project.classes]
        wanted = (*project.classes, *missing)
        project = self._interrupts.persist(lambda: self._store.projects.set_classes(project, wanted))
        return match(project, dataset.classes, self._options, lambda finding: None)

    def _note(self, **fields: Any) -> None:
        if not self._interrupts.persist(lambda: self._store.import_runs.note(self._record, fields)):
            raise Lost

    def _advance(self, done: int, progress: float, found: Sequence[dict[str, Any]]) -> None:
        fields = {"done": done, "progress": round(progress, 4), "counts": dict(self._counts)}
        rows = list(found)
        if not self._interrupts.persist(lambda: self._store.import_runs.advance(self._record, fields, rows)):
            raise Lost
