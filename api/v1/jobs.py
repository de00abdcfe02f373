"""`/api/v1/jobs` and `/api/v1/projects/<project>/jobs`: trainings."""

from __future__ import annotations

from typing import Any

from api.operation import Page, operation
from api.pagination import page, position
from api.resource import PlatformResource
from api.v1.job_answers import JobInList, WholeJob
from api.v1.located import JobResource, ProjectResource
from api.v1.representation import job_in_list, job_url, whole_job
from api.v1.schemas import JobsQuery, NewJob, NewProjectJob, ProjectJobsQuery
from storage.job import Job, JobState
from storage.order import Place
from storage.projects import Project
from storage.roles import Role
from training.difference import difference_of
from training.submission import submit


class StartsJobs(PlatformResource):
    """The base of what lists and starts trainings."""

    def listed(self, query: ProjectJobsQuery, names: dict[Any, str]) -> dict[str, Any]:
        """A page of the trainings of projects.

        Args:
            names: of the projects, by id.
        """
        jobs = self.services.store.jobs.list_of(list(names), query.limit + 1, position(query.cursor), query.state)
        return page(
            jobs,
            query.limit,
            show=lambda job: job_in_list(job, names[job.project_id]),
            place=lambda job: Place(job.created_at, job.id),
        )

    def started(self, project: Project, wish: NewProjectJob) -> tuple[dict[str, Any], dict[str, str]]:
        """A training of a project, which waits now."""
        store, by = self.services.store, self.user.username
        params, device, version = wish.params, wish.device, wish.dataset_version
        job = submit(store, self.services.queue, project, params, device, self.request_key, by, version)
        shown = whole_job(job, project.name, store.job_queue.place_of(job.id))
        return {**shown, "difference": None}, {"Location": job_url(job)}


class JobList(StartsJobs):
    """The trainings of all projects that the user owns or is a member of."""

    @operation(takes=JobsQuery, gives=Page[JobInList], errors=(404,))
    def get(self, query: JobsQuery) -> dict[str, Any]:
        """List them, newest first."""
        projects = self.services.store.projects
        if query.project_name is not None:
            project = self.project_named(query.project_name, private=True)
        elif query.project is not None:
            project = projects.find(query.project, self.user, Role.VIEWER)
        else:
            return self.listed(query, projects.names_of(self.user))
        return self.listed(query, {project.id: project.name})

    @operation(takes=NewJob, gives=WholeJob, status=202, errors=(404, 409, 429), headers={"Location": "the job"})
    def post(self, wish: NewJob) -> tuple[dict[str, Any], dict[str, str]]:
        """Start one in the background; the job tells how it goes."""
        return self.started(self.project_named(wish.project_name, private=True), wish)


class ProjectJobs(StartsJobs, ProjectResource):
    """The trainings of a project."""

    @operation(takes=ProjectJobsQuery, gives=Page[JobInList])
    def get(self, query: ProjectJobsQuery) -> dict[str, Any]:
        """List them, newest first."""
        return self.listed(query, {self.project.id: self.project.name})

    @operation(takes=NewProjectJob, gives=WholeJob, status=202, errors=(409, 429), headers={"Location": "the job"})
    def post(self, wish: NewProjectJob) -> tuple[dict[str, Any], dict[str, str]]:
        """Start one in the background, on the project as it is or on a version of its dataset."""
        return self.started(self.project, wish)


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
