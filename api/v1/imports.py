"""`/api/v1/imports` and `/api/v1/projects/<project>/imports`: archives of images, and tables, uploaded and imported."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from flask import Response, request
from werkzeug.exceptions import UnsupportedMediaType

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
from api.v1.import_upload import receive
from api.v1.located import ProjectResource, permitted
from api.v1.schemas import PageQuery
from datasets.imports.options import ImportOptions, check_options
from storage.database import object_id
from storage.import_record import Import
from storage.order import Place
from training.queue import wake
from utils import Conflict, InvalidInput, TooLarge

ARCHIVES = (
    "application/zip", "application/x-zip-compressed", "application/x-tar", "application/gzip",
    "text/csv", "text/tab-separated-values", "application/vnd.apache.parquet",
)  # fmt: skip


class ReceivesArchive(ProjectResource):
    """The base of what archives are sent to."""

    @cached_property
    def given(self) -> dict[str, Any]:
        """Of a call that brings an archive, its size and the query: its body is read as it comes."""
        if not self.brings_bytes():
            return super().given
        size = {"size": request.content_length} if request.method == "POST" and request.content_length else {}
        return {**request.args.to_dict(), **size}

    def brings_bytes(self) -> bool:
        """Whether the body is no JSON and no form."""
        return request.mimetype in (*ARCHIVES, tus.BODY, "application/octet-stream")

    def receive(self, record: Import, offset: int) -> Import:
        """Take in the body; the import is queued with its last byte."""
        release = self.services.uploads.admit(self.user.id)
        try:
            record = receive(self.services.store.imports, record, offset, tus.Checksum())
        finally:
            release()
        if record.offset == record.size:
            wake(self.services.queue)
        return record


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


class ImportData(ImportResource):
    """The bytes of an import, by tus."""

    def dispatch_request(self, *args: Any, **kwargs: Any) -> Any:
        """All answers here are those of tus, refusals too."""
        tus.speak()
        return super().dispatch_request(*args, **kwargs)

    def brings_bytes(self) -> bool:
        """Whatever is sent here is one."""
        return request.method == "PATCH"

    def reads(self) -> bool:
        """The offset says whether bytes that come again are known already, so no other key is needed for that."""
        return request.method != "DELETE"

    @operation(headers={tus.OFFSET: "bytes that are stored", tus.LENGTH: "bytes of the whole archive"})
    def head(self) -> Response:
        """How far the upload is."""
        return Response(status=200, headers=tus.state(self.record))

    @operation(status=204, errors=(409, 413, 415), body=(tus.BODY,), headers={tus.OFFSET: "bytes stored now"})
    def patch(self) -> Response:
        """Append bytes at the offset; with the last one the import is queued."""
        if request.mimetype != tus.BODY:
            raise UnsupportedMediaType(f"the body must be {tus.BODY}, got '{request.mimetype or 'no content type'}'")
        try:
            record = self.receive(self.record, tus.number(tus.OFFSET))
        except tus.ChecksumMismatch:
            return tus.checksum_mismatch()
        return Response(status=204, headers={tus.OFFSET: str(record.offset), **tus.expiry(record.expires_at)})

    @operation(status=204)
    def delete(self) -> None:
        """Give the upload up, and forget the import."""
        self.services.store.imports.delete(self.record.id)


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
