"""`/api/v1/prediction-jobs`: predictions for files that are too large for one answer, made in the background.

A prediction job belongs to whoever asked for it, with a token that may infer; the project is somebody's who published.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from flask import Response, request

from api.downloads import Download, begun, content_headers, disposition
from api.operation import Content, Page, operation
from api.pagination import page, position
from api.v1 import tus
from api.v1.prediction_job_schemas import NewPredictionJob, PredictionJobShown, ResultQuery
from api.v1.receiving import ReceivesFiles, UploadData
from api.v1.schemas import PageQuery
from datasets.gzipped import gunzipped
from datasets.registry import SERIES, TABLE
from storage.database import object_id
from storage.import_record import Import
from storage.order import Place
from storage.prediction_jobs import PredictionJobs
from storage.projects import Project
from storage.roles import Role
from storage.webhooks import Webhook
from utils import Conflict, InvalidInput, NotFound, TooLarge

FILES = ("text/csv", "application/gzip")
_SAME = (
    "state", "progress", "filename", "offset", "size", "error", "attempt", "cancel_requested", "created_at",
    "updated_at", "started_at", "finished_at",
)  # fmt: skip


class AboutPredictionJobs(ReceivesFiles):
    """The base of what is about prediction jobs."""

    BODIES = FILES

    @property
    def uploads(self) -> PredictionJobs:
        """Prediction jobs."""
        return self.services.store.prediction_jobs

    def changes(self) -> bool:
        """Never: neither accounts nor projects."""
        return False

    def shown(self, record: Import) -> PredictionJobShown:
        """A prediction job as whoever asked for it sees it."""
        options, result = record.options, record.report
        return PredictionJobShown(
            id=str(record.id),
            project=options["project"],
            project_id=str(record.project_id),
            model_id=str(options["model_id"]),
            webhook_id=str(options["webhook_id"]) if options.get("webhook_id") else None,
            rows=record.counts.get("rows", 0),
            warnings=options.get("warnings", []),
            expires_at=self.uploads.kept_until(record) or record.expires_at,
            upload_url=f"{_url(record)}/data",
            result_url=f"{_url(record)}/result" if result else None,
            result_bytes=result.size if result else None,
            result_sha256=result.sha256 if result else None,
            **{name: getattr(record, name) for name in _SAME},
        )


class PublishedPredictionJobs(AboutPredictionJobs):
    """Where prediction jobs with a published project begin."""

    @operation(status=204)
    def options(self, project: str) -> Response:
        """What the tus protocol asks for first."""
        return Response(status=204, headers=tus.discovery(self.services.settings.max_prediction_job_bytes))

    @cached_property
    def given(self) -> dict[str, Any]:
        """Of a creation by tus, what its headers say."""
        return tus.creation() if request.method == "POST" and tus.is_spoken() else super().given

    @operation(
        takes=NewPredictionJob,
        gives=PredictionJobShown,
        status=202,
        errors=(404, 409, 413, 429),
        body=FILES,
        headers={"Location": "the prediction job, or where its bytes go when it is made by tus"},
    )
    def post(self, new: NewPredictionJob, project: str) -> Any:
        """Begin an upload, by tus or by JSON; or send a whole CSV file at once, which may be packed with gzip."""
        if tus.is_spoken():
            tus.speak()
        record = self._create(new, self.of_kind(self.services.store.projects.published(project), (TABLE, SERIES)))
        if tus.is_spoken():
            headers = {"Location": f"{_url(record)}/data", **tus.expiry(record.expires_at)}
            return Response(status=201, headers=headers)
        if self.brings_bytes():
            record = self.receive(record, 0)
            if record.offset < record.size:
                raise InvalidInput(f"the connection broke after {record.offset:,} bytes: go on at {_url(record)}/data")
        return self.shown(record), {"Location": _url(record), **tus.expiry(record.expires_at)}

    def _create(self, new: NewPredictionJob, project: Project) -> Import:
        most = self.services.settings.max_prediction_job_bytes
        if new.size > most:
            raise TooLarge(f"the file has {new.size:,} bytes, allowed are {most:,}: split it, or pack it with gzip")
        webhook = self._webhook(new.webhook) if new.webhook else None
        options = {
            "project": project.name, "model_id": project.served_model_id, "webhook_id": webhook.id if webhook else None
        }  # fmt: skip
        return self.uploads.create(project.id, self.user.id, new.size, new.filename, options, self.request_key)

    def _webhook(self, text: str) -> Webhook:
        """The webhook of this id, if the caller may change it."""
        missing = f"webhook: there is no webhook '{text[:100]}' of a project in which you are an editor"
        try:
            webhook = self.services.store.webhooks.find(object_id(text, "webhook"))
            if webhook:
                self.services.store.projects.find(str(webhook.project_id), self.user, Role.EDITOR)
                return webhook
        except NotFound:
            pass
        raise InvalidInput(missing, [{"field": "webhook", "message": missing}])


class PredictionJobList(AboutPredictionJobs):
    """The caller's prediction jobs."""

    @operation(takes=PageQuery, gives=Page[PredictionJobShown])
    def get(self, query: PageQuery) -> dict[str, Any]:
        """List them, newest first."""
        return page(
            self.uploads.list_of_owner(self.user.id, query.limit + 1, position(query.cursor)),
            query.limit,
            show=lambda record: self.shown(record).model_dump(mode="json"),
            place=lambda record: Place(record.created_at, record.id),
        )


class PredictionJobResource(AboutPredictionJobs):
    """Something of the prediction job that `<prediction_job_id>` names; others' do not exist for the caller."""

    record: Import

    def locate(self, path: dict[str, Any]) -> None:
        """Find it.

        Raises:
            NotFound: there is none of the caller's.
        """
        job_id = path.pop("prediction_job_id")
        self.record = self.uploads.get(object_id(job_id, PredictionJobs.NOUN))
        if self.record.owner_id != self.user.id:
            raise NotFound(f"there is no {PredictionJobs.NOUN} '{job_id}'")


class PredictionJobItem(PredictionJobResource):
    """One prediction job."""

    @operation(gives=PredictionJobShown, errors=(404,))
    def get(self) -> PredictionJobShown:
        """State, progress, rows."""
        return self.shown(self.record)

    @operation(status=204, errors=(404,))
    def delete(self) -> None:
        """Delete it with its bytes and its result; one that runs is given up."""
        self.uploads.delete(self.record.id)


class PredictionJobData(UploadData, PredictionJobResource):
    """The bytes of a prediction job's file, by tus."""


class PredictionJobCancel(PredictionJobResource):
    """The end of a prediction job before its time."""

    @operation(gives=PredictionJobShown, errors=(404,))
    def post(self) -> PredictionJobShown:
        """Cancel; an ended one stays as it is."""
        self.uploads.cancel(self.record.id)
        return self.shown(self.uploads.get(self.record.id))


class PredictionJobResult(PredictionJobResource):
    """What was predicted."""

    @operation(
        takes=ResultQuery,
        gives=Content("application/gzip"),
        errors=(404, 409),
        headers={"ETag": "SHA-256 of the packed file", "Accept-Ranges": "bytes"},
    )
    def get(self, query: ResultQuery) -> Response:
        """The rows that were sent, each with `predicted`, and `confidence` of a class; as soon as all are predicted."""
        record, artifacts = self.record, self.services.store.artifacts
        result = record.report
        if result is None:
            reason = f": {record.error}" if record.error else ""
            raise Conflict(f"the prediction job is {record.state.value}{reason}: there is a result once it succeeded")
        name = f"{record.options['project']}-predictions.csv"
        if query.format == "csv":
            headers = {**content_headers(f"{result.sha256}-csv", name)}
            headers["Content-Disposition"] = disposition("attachment", name)
            body = () if request.method == "HEAD" else begun(gunzipped(artifacts.stream(result.id)))
            return Response(body, mimetype="text/csv", headers=headers)
        return Download(
            name=f"{name}.gz",
            media_type="application/gzip",
            size=result.size,
            tag=result.sha256,
            read=lambda start, stop: artifacts.stream_range(result.id, start, stop),
        ).answer()


def _url(record: Import) -> str:
    return f"/api/v1/prediction-jobs/{record.id}"
