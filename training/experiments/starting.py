"""From an experiment to the settings of its project and a queued job."""

from __future__ import annotations

from collections.abc import Iterable

from celery import Celery

from datasets.registry import KINDS
from storage.experiment import SentExperiment
from storage.job import Job, JobState
from storage.projects import Project
from storage.store import Store
from training.experiments.data_sections import SECTIONS, DataSections
from training.experiments.reading import Experiment
from training.experiments.text import Path, Problem, refusal
from training.registry import TRAINERS
from training.submission import made_before, submit
from utils import Conflict, InvalidInput, NotFound, some_of

_DATA, _PREPARATION, _EVALUATION = "data", "preparation", "evaluation"


def check_in(store: Store, project: Project, experiment: Experiment) -> None:
    """See that a document fits to the project that it is sent to, and to the data there.

    Raises:
        InvalidInput: it does not; each entry in `errors` has its line and column.
    """
    problems = [*_other_project(project, experiment)]
    if not problems:
        try:
            _sections(project).check(store, project, *_said(experiment))
            problems = [*_unmeasured(store, project, experiment)]
        except NotFound as error:
            path = (_DATA, "version") if experiment.dataset_version is not None else (_DATA,)
            problems = [experiment.problem(path, error.detail)]
        except InvalidInput as error:
            problems = [*_placed(error, experiment)]
    if problems:
        raise refusal(problems)


def start(
    store: Store,
    queue: Celery,
    project: Project,
    experiment: Experiment,
    source: str = "",
    request_key: str | None = None,
    started_by: str | None = None,
) -> Job:
    """Make the document's settings the project's, and queue its training.

    Args:
        source: what the sender knows the data by; the job keeps it.
        request_key, started_by: as of `training.submission.submit`.

    Raises:
        InvalidInput: the document does not fit to the project, or the project lacks something.
        Conflict: a training of the project is queued or running.
        TooManyRequests: the owner has as many queued jobs as allowed.
    """
    if made := made_before(store, queue, request_key):
        return made
    check_in(store, project, experiment)
    if store.jobs.list_of([project.id], 1, state=JobState.QUEUED):
        # It takes the settings as they are when its turn comes, so these must not become another document's now.
        raise Conflict(f"a training of '{project.name}' is queued: wait for it or cancel it")
    _sections(project).apply(store, project, *_said(experiment))
    return submit(
        store,
        queue,
        project,
        experiment.params,
        experiment.device,
        request_key,
        started_by,
        experiment.dataset_version,
        SentExperiment(experiment.name, experiment.sha256, experiment.is_json, source, experiment.text),
    )


def _sections(project: Project) -> DataSections:
    return SECTIONS[KINDS[project.type].name]


def _said(experiment: Experiment) -> tuple[object, object]:
    return experiment.document.data, experiment.document.preparation


def _other_project(project: Project, experiment: Experiment) -> Iterable[Problem]:
    if experiment.project not in (project.name, str(project.id)):
        message = f"data.project is '{experiment.project}', and this was sent to the project '{project.name}'"
        yield experiment.problem((_DATA, "project"), message)
    if experiment.project_type != project.type:
        message = f"type is {experiment.project_type}, and the project '{project.name}' is of type {project.type}"
        yield experiment.problem(("type",), message)


def _unmeasured(store: Store, project: Project, experiment: Experiment) -> Iterable[Problem]:
    """A metric by which the model would be published, and which cannot be measured on these data."""
    name, known = experiment.document.evaluation.metric, TRAINERS[project.type].METRICS
    if name is None or (need := known[name]) is None:
        return
    offered = _sections(project).offered(store, project, *_said(experiment))
    if need not in offered:
        measured = some_of([one for one, needs in known.items() if needs is None or needs in offered], len(known))
        message = f"evaluation.metric: {name} needs {need.value}, and these data have none: wanted one of {measured}"
        yield experiment.problem((_EVALUATION, "metric"), message)


def _placed(error: InvalidInput, experiment: Experiment) -> Iterable[Problem]:
    """What is wrong with settings of the data, at the places where the document says them."""
    for entry in error.errors or [{"field": "", "message": error.detail}]:
        path = _path_of(entry, experiment)
        # Settings name themselves in front of their message.
        message = entry["message"].removeprefix(f"{entry['field']}: ")
        yield experiment.problem(path, f"{'.'.join(path)}: {message}")


def _path_of(entry: dict[str, str], experiment: Experiment) -> Path:
    values, name = experiment.marked.values, entry["field"]
    for section in ((_DATA, "settings"), (_PREPARATION,)):
        path = (*section, name)
        if path in values:
            return _named_in(entry["message"], path, experiment)
    return (_DATA, "settings") if (_DATA, "settings") in values else (_DATA,)


def _named_in(message: str, path: Path, experiment: Experiment) -> Path:
    """The item of a list, or the key of an object, that a message quotes; else the whole of it."""
    value = experiment.marked.value[path[0]]
    for part in path[1:]:
        value = value[part]
    if isinstance(value, list):
        items = {str(place): text for place, text in enumerate(value) if isinstance(text, str)}
    else:
        items = {key: key for key in value} if isinstance(value, dict) else {}
    places = {part: message.find(f"'{text}'") for part, text in items.items()}
    quoted = [part for part, place in places.items() if place >= 0]
    return (*path, min(quoted, key=places.__getitem__)) if quoted else path
