"""`/api/v1/experiments` and `/api/v1/projects/<project>/experiments`: trainings as documents of YAML or JSON."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from flask import Response, request
from werkzeug.exceptions import UnsupportedMediaType

from api.operation import Content, Request, operation
from api.output import json_text
from api.parameters import body, parse
from api.resource import PlatformResource, S
from api.uploads import BODY, body_fields
from api.v1.experiment_schemas import ExperimentQuery, ExperimentShown
from api.v1.job_answers import WholeJob
from api.v1.located import JobResource, ProjectResource
from api.v1.representation import job_url, whole_job
from training.experiments.reading import Experiment, read_experiment
from training.experiments.schema import json_schema
from training.experiments.starting import check_in, start
from training.registry import TRAINERS
from utils import NotFound

YAML, JSON = "application/yaml", "application/json"
_TYPES = (YAML, "text/yaml", "application/x-yaml", "text/x-yaml", "text/plain")
_SCHEMA = "application/schema+json"


class TakesExperiments(PlatformResource):
    """The base of what takes a document as its body; what else is wanted comes in the query."""

    @cached_property
    def given(self) -> dict[str, Any]:
        """The query; where the call may be repeated, with the hash of the document."""
        return body_fields()

    def parse(self, schema: type[S], strict: bool = False) -> S:
        """The document is no parameter, and a method that takes none says itself what it reads of the query."""
        left_out = self.given.keys() - {"api_token"} if schema is Request else {BODY}
        return parse(schema, {name: value for name, value in self.given.items() if name not in left_out})

    def experiment(self) -> Experiment:
        """The document that was sent.

        Raises:
            InvalidInput: with line and column of everything that is wrong.
            UnsupportedMediaType: it is neither YAML nor JSON.
        """
        if not (request.is_json or request.mimetype in _TYPES):
            got = request.mimetype or "no content type"
            raise UnsupportedMediaType(f"the body must be {YAML}, text/yaml or {JSON}, got '{got}'")
        return read_experiment(body(), request.is_json)


class ExperimentSchema(PlatformResource):
    """What documents may hold."""

    @operation(gives=Content(_SCHEMA))
    def get(self) -> Response:
        """The JSON Schema, for editors: one for all project types."""
        response = Response(json_text(json_schema()), mimetype=_SCHEMA)
        response.headers["Cache-Control"] = "public, max-age=300"
        return response


class ExperimentCheck(TakesExperiments):
    """The look at a document without a project."""

    def reads(self) -> bool:
        """Always: nothing is kept."""
        return True

    @operation(gives=ExperimentShown, errors=(413, 415), body=(YAML, "text/yaml", JSON))
    def post(self) -> dict[str, Any]:
        """Look whether it is right in itself; what it says of data, a project's own route looks at."""
        return shown(self.experiment())


class ProjectExperiments(TakesExperiments, ProjectResource):
    """Trainings of a project by documents."""

    def reads(self) -> bool:
        """As the call says."""
        return self.parse(ExperimentQuery).validate_only

    @operation(
        query=ExperimentQuery,
        gives=WholeJob,
        status=202,
        errors=(200, 409, 413, 415, 429),
        body=(YAML, "text/yaml", JSON),
        headers={"Location": "the job"},
    )
    def post(self) -> Any:
        """Make its settings the project's, and start its training in the background; with `validate`, only look."""
        query, experiment, store = self.parse(ExperimentQuery), self.experiment(), self.services.store
        if query.validate_only:
            check_in(store, self.project, experiment)
            return Response(json_text(shown(experiment)), mimetype=JSON)
        queue, by = self.services.queue, self.user.username
        job = start(store, queue, self.project, experiment, query.source, self.request_key, by)
        answer = whole_job(job, self.project.name, store.job_queue.place_of(job.id))
        return {**answer, "difference": None}, {"Location": job_url(job)}


class JobExperiment(JobResource):
    """The document that a training was started with."""

    @operation(gives=Content(YAML))
    def get(self) -> Response:
        """As it was sent, YAML or JSON."""
        sent = self.job.experiment
        if sent is None:
            raise NotFound(f"the job '{self.job.id}' was not started with a document")
        response = Response(sent.text, mimetype=JSON if sent.is_json else YAML)
        response.set_etag(sent.sha256)
        return response


def shown(experiment: Experiment) -> dict[str, Any]:
    """What a document says, for whoever has sent it."""
    document = experiment.document
    wanted = document.evaluation
    return {
        "valid": True,
        "name": experiment.name,
        "type": experiment.project_type,
        "project": experiment.project,
        "file": document.data.file,
        "sha256": experiment.sha256,
        "params": experiment.params,
        "evaluation": {
            "metric": wanted.metric or TRAINERS[experiment.project_type].METRIC,
            "minimum": wanted.minimum,
            "maximum": wanted.maximum,
        },
    }
