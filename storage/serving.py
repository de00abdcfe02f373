"""The `projects` collection: choosing which model version answers, going back, and what a publication says.

A model counts while a succeeded job names it. Its deletion takes that away first, then looks whether it answers;
whoever lets it answer looks afterwards whether it counts. So one of the two gives way, whichever comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from storage.database import Database, Document, shielded
from storage.jobs import Jobs
from storage.models import Model, Models
from storage.projects import Project, Projects
from storage.served import Served, answers_now, publishes, served_of
from storage.usage import Usage
from utils import Conflict


@shielded
class Serving:
    """What answers for projects."""

    def __init__(self, database: Database[Document], projects: Projects, jobs: Jobs, models: Models, usage: Usage):
        self._rows = database["projects"]
        self._projects = projects
        self._jobs = jobs
        self._models = models
        self._usage = usage

    def history(self, project: Project) -> tuple[Served, ...]:
        """What has answered for a project, oldest first; the last one answers now, if any does."""
        row = self._rows.find_one({"_id": project.id}, {"served": 1})
        return served_of(row.get("served", [])) if row else ()

    def promote(self, project: Project, model: Model, by: str) -> Project:
        """Let any version answer from now on, newer or older, until a training succeeds.

        Raises:
            Conflict: its job has not ended yet, or the publication pins another version.
            NotFound: project or model was deleted meanwhile.
        """
        # One that answers already is not written down again.
        query = {"publication.version": {"$in": [None, model.version]}, "model_id": {"$ne": model.id}}
        changed = self._switch(project, model, [answers_now(model.id, model.version, by)], query)
        if changed.model_id != model.id:
            raise Conflict(
                f"the publication of '{project.name}' pins version {changed.publication.version}: "
                "change or remove the pin first"
            )
        return changed

    def before(self, project: Project) -> Model:
        """The version that answered before the present one; whoever lets it answer twice comes back.

        Raises:
            Conflict: there is none.
        """
        for served in reversed(self.history(project)):
            if served.model_id != project.model_id and self._jobs.succeeded_models([served.model_id]):
                return self._models.get(served.model_id)
        raise Conflict(f"no other version has answered for '{project.name}' that is still there")

    def publish(self, project: Project, fields: dict[str, Any], pin: Model | None, by: str) -> Project:
        """Publish, with what the publication says of itself; the same call changes it later.

        Args:
            fields: `description`, `licence` and `example_id`.
            pin: the version that answers whatever is trained later; None lets the newest training answer.

        Raises:
            Conflict: nothing is trained yet, or the pinned version's job has not ended yet.
            NotFound: project or model was deleted meanwhile.
        """
        said = {f"publication.{name}": {"$literal": value} for name, value in fields.items()}
        said["publication.version"] = {"$literal": pin.version if pin else None}
        stages = [publishes(), {"$set": said}]
        if pin is None:
            self._rows.update_one({"_id": project.id, "model_id": {"$ne": None}}, stages)
            changed = self._projects.refresh(project)
            if changed.model_id is None:
                raise Conflict(f"the project '{project.name}' has no trained model yet: train it, then publish it")
            return changed
        if pin.id != project.model_id:
            stages.append(answers_now(pin.id, pin.version, by))
        return self._switch(project, pin, stages)

    def _switch(self, project: Project, model: Model, stages: list[Document], query: Document | None = None) -> Project:
        self.check_counts(model)
        self._rows.update_one({"_id": project.id, **(query or {})}, stages)
        try:
            self.check_counts(model)
        except Conflict:  # it is being deleted
            back = answers_now(project.model_id, project.model_version)
            self._rows.update_one({"_id": project.id, "model_id": model.id}, [back, {"$unset": "publication.version"}])
            raise
        return self._projects.refresh(project)

    def check_counts(self, model: Model) -> None:
        """See that a model is the result of a job that has succeeded.

        Raises:
            Conflict: it is not yet, or not any more.
        """
        if not self._jobs.succeeded_models([model.id]):
            raise Conflict(f"the job of model '{model.id}' has not ended yet, or the model is being deleted")

    def delete(self, model: Model) -> None:
        """Delete a version with its files and the count of its calls; its job stays, and says so.

        Raises:
            Conflict: it answers for its project, or its job has not ended yet.
        """
        self._check_answers_not(model, lambda: None)
        self.check_counts(model)
        self._jobs.forget_model(model.id)
        self._check_answers_not(model, lambda: self._jobs.remember_model(model.job_id, model.id))
        self._models.delete(model.id)
        self._usage.delete_models({model.id})

    def _check_answers_not(self, model: Model, give_way: Callable[[], None]) -> None:
        if self._projects.serving([model.id]):
            give_way()
            raise Conflict(
                f"version {model.version} answers for its project: let another one answer first "
                "(POST .../promote, or another pin of the publication)"
            )
