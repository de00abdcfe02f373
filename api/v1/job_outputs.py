"""What a training gives: log, metrics, files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Response

from api.operation import Content, Page, operation
from api.pagination import whole
from api.v1.job_answers import EpochMetrics
from api.v1.located import JobResource
from api.v1.model_answers import FileShown
from api.v1.representation import model_files
from api.v1.schemas import LogQuery
from storage.job_runs import LOG_TAIL_LINES
from utils import NotFound


class JobLog(JobResource):
    """The log of a training, as text."""

    @operation(takes=LogQuery, gives=Content("text/plain"))
    def get(self, query: LogQuery) -> Response:
        """The whole log, or its last lines."""
        tail, job, events = query.tail, self.job, self.services.store.job_events
        if tail is None:
            return Response(map(_text, events.log(job.id)), mimetype="text/plain")
        # The job has its last lines even when the log has grown too long to be kept whole.
        lines = list(job.log[-tail:]) if tail <= LOG_TAIL_LINES else events.log_end(job.id, tail)
        return Response(_text(lines), mimetype="text/plain")


class JobMetrics(JobResource):
    """What was measured at the end of every epoch."""

    @operation(gives=Page[EpochMetrics])
    def get(self) -> dict[str, Any]:
        """One entry an epoch."""
        return whole(list(self.job.history))


class JobArtifacts(JobResource):
    """The files that came of a training."""

    @operation(gives=Page[FileShown])
    def get(self) -> dict[str, Any]:
        """Files of its model; none before it succeeded."""
        try:
            return whole(model_files(self.services.store.models.get(self.job.result)))
        except NotFound:
            return whole([])


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
