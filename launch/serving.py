"""The checks of the store that need more than the store: what is published serves, what was trained is handed over."""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Iterator

from inference.engine import LocalEngine
from inference.probe import problem_with
from storage.checks.check import Check, Finding, Look, check
from storage.checks.projects import projects_whose_model_is_lost
from storage.job import Job
from storage.projects import Project
from training.worker.housekeeping import Housekeeper

_TRAIN = "train the project again, or restore a backup"


def serving_checks(look: Look) -> tuple[Check, ...]:
    """The checks, with an inference engine of their own that keeps one model at a time."""
    return _Serving(look).checks()


class _Serving:
    def __init__(self, look: Look):
        self._store = look.store
        self._engine = LocalEngine(look.store, dataclasses.replace(look.settings, model_cache_bytes=0))

    def checks(self) -> tuple[Check, ...]:
        return (
            check(self.every_model_of_a_job_that_has_succeeded_is_handed_over, settles=True),
            check(self.every_project_is_served_by_a_model_of_its_own),
            check(self.every_published_project_can_serve),
        )

    def every_model_of_a_job_that_has_succeeded_is_handed_over(self, look: Look) -> Iterator[Finding]:
        """Between the two steps lie milliseconds; the housekeeping of the workers makes up for one that is missing."""
        for job in look.each(self._store.jobs.unserved()):
            where = f"job {job.id} of {look.project(job.project_id)}: its model does not answer for the project yet"
            yield Finding(where, "start a worker, which hands it over", functools.partial(self._hand_over, job))

    def _hand_over(self, _: Job) -> str:
        Housekeeper(self._store, threading.Event()).finish()
        return "handed over"

    def every_project_is_served_by_a_model_of_its_own(self, look: Look) -> Iterator[Finding]:
        """It exists, and was trained for this project."""
        for project in projects_whose_model_is_lost(look):
            where = f"project '{project.name}': its model version {project.model_version}, which should answer, is lost"
            yield Finding(where, _TRAIN, functools.partial(self._put_right, project, is_lost=True))

    def every_published_project_can_serve(self, look: Look) -> Iterator[Finding]:
        """Its model loads in the inference engine, and predicts one blank image."""
        for project in look.each(self._store.projects.served(published_only=True)):
            model_id = project.served_model_id
            if self._store.models.existing([model_id]).get(model_id) != project.id:
                continue  # another check tells that it is lost
            problem = problem_with(self._engine, model_id)
            if problem and self._store.projects.get(project.id) == project:
                where = f"project '{project.name}' is published, and its model version {project.model_version}"
                yield Finding(f"{where} cannot serve: {problem}", _TRAIN, functools.partial(self._put_right, project))

    def _put_right(self, project: Project, is_lost: bool = False) -> str:
        """Serve the newest other model that works, or else withdraw the publication; no model is deleted."""
        for model in self._store.models.list_all(project.id):
            usable = model.id != project.model_id and self._store.jobs.succeeded_models([model.id])
            if usable and problem_with(self._engine, model.id) is None:
                self._store.projects.serve_instead(project, model.id, model.version, project.is_published)
                return f"model version {model.version} answers for it now"
        if is_lost:
            self._store.projects.serve_instead(project, None, 0, False)
        else:
            self._store.projects.serve_instead(project, project.model_id, project.model_version, False)
        return "no other model works" + (", it is not published any more" if project.is_published else "")
