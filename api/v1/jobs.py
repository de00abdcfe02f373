"""`/api/v1/jobs`: trainings, for their owners."""

from __future__ import annotations

from typing import Any

from api.operation import Page, operation
from api.pagination import page, position
from api.resource import PlatformResource
from api.v1.job_answers import JobInList, WholeJob
from api.v1.located import JobResource
from api.v1.representation import job_in_list, job_url, whole_job
from api.v1.schemas import JobsQuery, NewJob
from storage.job import Job, JobState
from storage.order import Place
from training.difference import difference_of
from training.submission import submit


class JobList(PlatformResource):
    """The user's trainings."""

    @operation(takes=JobsQuery, gives=Page[JobInList], errors=(404,))
    def get(self, query: JobsQuery) -> dict[str, Any]:
        """List them, newest first."""
        store = self.services.store
        names = {project.id: project.name for project in store.projects.list_owned(self.user)}
        project_id = None
        if query.project_name is not None:
            project_id = self.project_named(query.project_name, private=True).id
        jobs = store.jobs.list_owned(
            self.user.id, query.limit + 1, position(query.cursor), state=query.state, project_id=project_id
        )
        return page(
            jobs,
            query.limit,
            show=lambda job: job_in_list(job, names.get(job.project_id)),
            place=lambda job: Place(job.created_at, job.id),
        )

    @operation(takes=NewJob, gives=WholeJob, status=202, errors=(404, 409, 429), headers={"Location": "the job"})
    def post(self, wish: NewJob) -> tuple[dict[str, Any], dict[str, str]]:
        """Start one in the background; the job tells how it goes."""
        store = self.services.store
        project = self.project_named(wish.project_name, private=True)
        job = submit(store, self.services.queue, project, wish.params, wish.device, self.request_key)
        shown = whole_job(job, project.name, store.job_queue.place_of(job.id))
        return {**shown, "difference": None}, {"Location": job_url(job)}


class ShowsJob(JobResource):
    """The base of what answers with a job."""

    def shown(self, job: Job) -> dict[str, Any]:
        """The job as its owner sees it."""
        store = self.services.store
        place = store.job_queue.place_of(job.id) if job.state is JobState.QUEUED else None
        shown = whole_job(job, self.project.name, place)
        return {**shown, "difference": difference_of(store, job)}


class JobItem(ShowsJob):
    """One training."""

    @operation(gives=WholeJob)
    def get(self) -> dict[str, Any]:
        """State, place in the queue, metrics of every epoch, and the last lines of the log."""
        return self.shown(self.job)


class JobCancel(ShowsJob):
    """The end of a training before its time."""

    @operation(gives=WholeJob)
    def post(self) -> dict[str, Any]:
        """Cancel; an ended job stays as it is."""
        self.services.store.jobs.cancel(self.job.id)
        return self.shown(self.services.store.jobs.get(self.job.id))


class JobStop(ShowsJob):
    """The early end of a training that keeps the best so far."""

    @operation(gives=WholeJob, status=202, errors=(409,))
    def post(self) -> dict[str, Any]:
        """Stop early and make a model; an ended job stays as it is."""
        self.services.store.jobs.stop(self.job.id)
        return self.shown(self.services.store.jobs.get(self.job.id))
