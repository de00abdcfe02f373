"""`/api/v1/imports` and `/api/v1/projects/<project>/imports`: archives of images, and tables, uploaded and imported."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from flask import Response, request

from api.operation import Page, operation
from api.pagination import page, position
from api.v1 import tus
from api.v1.import_representation import import_shown, import_url, report_as_csv, report_of, upload_url
from api.v1.import_schemas import (
    ImportShown,
    ImportWishes,
    NewImport,
    ReportQuery,
    ReportShown,
)
from api.v1.located import ProjectResource, permitted
from api.v1.receiving import ReceivesFiles, UploadData
from api.v1.schemas import PageQuery
from datasets.imports.options import ImportOptions, check_options
from storage.database import object_id
from storage.import_record import Import
from storage.imports import Imports
from storage.order import Place
from training.queue import wake
from utils import Conflict, InvalidInput, TooLarge

ARCHIVES = (
    "application/zip", "application/x-zip-compressed", "application/x-tar", "application/gzip",
    "text/csv", "text/tab-separated-values", "application/vnd.apache.parquet",
)  # fmt: skip


class ReceivesArchive(ReceivesFiles, ProjectResource):
    """The base of what archives are sent to."""

    BODIES = ARCHIVES

    @property
    def uploads(self) -> Imports:
        """Imports."""
        return self.services.store.imports


class ProjectImports(ReceivesArchive):
    """The imports of a project."""

    @operation(status=204)
    def options(self, project: str) -> Response:
        """What the tus protocol asks for first."""
        return Response(status=204, headers=tus.discovery(self.services.settings.max_import_bytes))

    @operation(takes=PageQuery, gives=Page[ImportShown])
    def get(self, query: PageQuery) -> dict[str, Any]:
        """List them, newest first."""
        records = self.services.store.imports.list_of(self.project.id, query.limit + 1, position(query.cursor))
        return page(
            records,
            query.limit,
            show=lambda record: import_shown(record, self.project.name).model_dump(mode="json"),
            place=lambda record: Place(record.created_at, record.id),
        )

    @cached_property
    def given(self) -> dict[str, Any]:
        """Of a creation by tus, what its headers say."""
        return tus.creation() if request.method == "POST" and tus.is_spoken() else super().given

    @operation(
        takes=NewImport,
        gives=ImportShown,
        status=201,
        errors=(413, 429),
        body=ARCHIVES,
        headers={"Location": "the import, or where its bytes go when it is made by tus"},
    )
    def post(self, new: NewImport) -> tuple[ImportShown, dict[str, str]]:
        """Begin an upload, by tus or by JSON; or send a whole archive at once, with the options as its query."""
        if tus.is_spoken():
            tus.speak()
        record = self._create(new)
        if self.brings_bytes() and not tus.is_spoken():
            return self._whole(record)
        location = upload_url(record) if tus.is_spoken() else import_url(record)
        return import_shown(record, self.project.name), {"Location": location, **tus.expiry(record.expires_at)}

    def _whole(self, record: Import) -> tuple[ImportShown, dict[str, str]]:
        record = self.receive(record, 0)
        if record.offset < record.size:
            raise InvalidInput(f"the connection broke after {record.offset:,} bytes: go on at {upload_url(record)}")
        return import_shown(record, self.project.name), {"Location": import_url(record)}

    def _create(self, new: NewImport) -> Import:
        most = self.services.settings.max_import_bytes
        if new.size > most:
            raise TooLarge(f"the archive has {new.size:,} bytes, allowed are {most:,}: split it")
        check_options(new.options, self.project.type)
        imports, options = self.services.store.imports, new.options.to_row()
        return imports.create(self.project.id, self.user.id, new.size, new.filename, options, self.request_key)


class ImportResource(ReceivesArchive):
    """Something of the import that `<import_id>` names."""

    record: Import

    def locate(self, path: dict[str, Any]) -> None:
        """As of a project; an import into somebody else's project does not exist for the caller."""
        import_id = path.pop("import_id")
        self.record = self.services.store.imports.get(object_id(import_id, "import"))
        self.project = permitted(self, self.record.project_id, f"there is no import '{import_id}'")

    def shown(self) -> ImportShown:
        """The import as it is now."""
        return import_shown(self.services.store.imports.get(self.record.id), self.project.name)


class ImportItem(ImportResource):
    """One import."""

    @operation(gives=ImportShown)
    def get(self) -> ImportShown:
        """State, progress, counts."""
        return import_shown(self.record, self.project.name)

    @operation(status=204)
    def delete(self) -> None:
        """Delete it with its bytes and report; one that runs is given up. What it imported stays."""
        self.services.store.imports.delete(self.record.id)


class ImportData(UploadData, ImportResource):
    """The bytes of an import, by tus."""


class ImportReport(ImportResource):
    """What was left out, and why."""

    @operation(takes=ReportQuery, gives=ReportShown, errors=(409,))
    def get(self, query: ReportQuery) -> ReportShown | Response:
        """File, line and reason, as JSON or CSV; once the import has ended."""
        if not self.record.state.ended:
            raise Conflict(f"the import is {self.record.state.value}: there is a report once it has ended")
        stored = self.record.report
        report = report_of(self.services.store.artifacts.read(stored.id) if stored else None)
        if query.format == "json":
            return report
        headers = {"Content-Disposition": f'attachment; filename="import-{self.record.id}.csv"'}
        return Response(report_as_csv(report), mimetype="text/csv", headers=headers)


class ImportCancel(ImportResource):
    """The end of an import before its time."""

    @operation(gives=ImportShown)
    def post(self) -> ImportShown:
        """Cancel; what is imported already stays, and an ended one stays as it is."""
        self.services.store.imports.cancel(self.record.id)
        return self.shown()


class ImportRetry(ImportResource):
    """Another try of an import that has ended, with the bytes that are still there."""

    @operation(takes=ImportWishes, gives=ImportShown, status=202, errors=(409, 429))
    def post(self, wishes: ImportWishes) -> ImportShown:
        """Queue it once more; options that are named replace those of before."""
        named = wishes.model_fields_set - {"api_token"}
        changed = {name: value for name, value in wishes.options.to_row().items() if name in named}
        options = {**self.record.options, **changed}
        check_options(ImportOptions.of(options), self.project.type)
        self.services.store.imports.retry(self.record.id, self.user.id, options)
        wake(self.services.queue)
        return self.shown()
