"""Checks of jobs: who holds one, what has come of one."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator

from storage.checks.check import Finding, Look
from storage.job import Job, JobState
from utils import Conflict

_BATCH = 1000
_NOBODY = "no worker held its lease any more"
_DAMAGED = "restore a backup; no sequence of steps leads here"


def every_running_job_has_a_live_lease(look: Look) -> Iterator[Finding]:
    """By the clock of the database server. A worker that was cut off from it beats first and keeps its job."""
    look.seen += look.store.job_audit.count(JobState.RUNNING)
    for job in look.store.job_runs.expired():
        yield Finding(
            f"{_job(look, job)}, attempt {job.attempt}: it runs, and its lease has run out",
            "start a worker, which takes it over",
            functools.partial(_release, look, job),
        )


def every_job_that_has_succeeded_has_its_model(look: Look) -> Iterator[Finding]:
    """The model of a project that is deleted goes before the job, and the project before both."""
    jobs = look.each(look.store.job_audit.succeeded())
    while batch := list(itertools.islice(jobs, _BATCH)):
        models = look.store.models.existing([job.model_id for job in batch if job.model_id])
        without = [job for job in batch if job.model_id not in models and not job.model_deleted]
        projects = look.store.projects.existing([job.project_id for job in without])
        for job in without:
            if job.project_id in projects:
                what = "it has succeeded, and its model is lost"
                yield Finding(f"{_job(look, job)}: {what}", "restore a backup, or train the project again")


def a_job_that_has_ended_holds_no_checkpoint_lease_or_project(look: Look) -> Iterator[Finding]:
    """What it held is let go in the write that ends it."""
    look.seen += look.store.job_audit.count(*(state for state in JobState if state.ended))
    for job in look.store.job_audit.holding():
        what = "it has ended, and holds a checkpoint, a lease or its project"
        yield Finding(f"{_job(look, job)}: {what}", _DAMAGED, functools.partial(_let_go, look, job))


def a_job_that_has_not_ended_holds_its_project(look: Look) -> Iterator[Finding]:
    """Or a second training of the project could be queued."""
    look.seen += look.store.job_audit.count(JobState.QUEUED, JobState.RUNNING)
    for job in look.store.job_audit.not_holding():
        mend = functools.partial(_hold, look, job)
        yield Finding(f"{_job(look, job)}: it has not ended, and does not hold its project", _DAMAGED, mend)


def _job(look: Look, job: Job) -> str:
    return f"job {job.id} of {look.project(job.project_id)}"


def _release(look: Look, job: Job) -> str:
    return "given back to the queue, or ended" if look.store.job_runs.release(job, _NOBODY) else ""


def _let_go(look: Look, job: Job) -> str:
    return "let go" if look.store.job_audit.let_go(job.id) else ""


def _hold(look: Look, job: Job) -> str:
    if not look.store.job_audit.hold(job.id):
        raise Conflict("another job holds the project: cancel that one first")
    return "holds it again"
