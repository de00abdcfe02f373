"""From a repository of documents to trained and published models: a plan first, then its steps; done once, it is done.

What a document was last trained with is told by the server: a job keeps the hash of its document, and what its data
were known by. So nothing is kept here, and any machine may run it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diyml_client.client import Client
from diyml_client.errors import Conflict, DiymlError, InvalidRequest, JobFailed, NotFound
from diyml_client.experiments import CheckedExperiment
from diyml_client.jobs import Job
from diyml_client.models import Model
from diyml_client.packing import packed
from diyml_client.projects import Project
from diyml_client.repository import Checkout, Data, RepositoryError
from diyml_client.transport import path_of

Say = Callable[[str], None]


class Refused(DiymlError):
    """Documents are wrong, so nothing was `done`; `lines` are all mistakes of all of them, a sentence each."""

    advice = "Put right what is named, and run it again."

    def __init__(self, lines: Sequence[str], done: str = "done"):
        super().__init__(f"nothing was {done}:\n" + "\n".join(lines))
        self.lines = list(lines)

    def __str__(self) -> str:
        """Without advice: each line says what is wanted."""
        return self.detail


@dataclass
class Step:
    """What is to be done for one document.

    Attributes:
        why: the reason to train; empty where there is none.
        imports: its data have to be brought to the project first.
        creates: its project has to be made first.
        model: that came of its last training.
    """

    name: str
    path: Path
    document: CheckedExperiment
    data: Data | None
    project: Project | None = None
    last: Job | None = None
    why: str = ""
    imports: bool = False
    creates: bool = False
    model: Model | None = None
    published: bool = False
    failed: str = ""
    below: str = ""

    @property
    def source(self) -> str:
        """What the job is to know the data by."""
        return f"sha256:{self.data.sha256}" if self.data else ""

    @property
    def lines(self) -> list[str]:
        """The plan in words."""
        found = [f"create the project '{self.document.project}' ({self.document.type})"] if self.creates else []
        if self.imports and self.data:
            found.append(f"import {self.data.name} ({self.data.size:,} bytes)")
        if self.why:
            found.append(f"train: {self.why}")
            if self.document.evaluation.decides:
                found.append(f"publish when {self.document.evaluation.words}")
        elif self.publishes:
            found.append(f"publish version {self.model.version if self.model else ''}")
        return found or [f"nothing: trained, {self.below}" if self.below else "nothing"]

    @property
    def publishes(self) -> bool:
        """Whether a model that is there already is to be published."""
        return not (self.why or self.below or self.published) and self.document.evaluation.decides

    def told(self) -> dict[str, Any]:
        """For a program."""
        return {
            "document": self.name,
            "experiment": self.document.name,
            "project": self.document.project,
            "plan": self.lines,
            "job_id": self.last.id if self.last else None,
            "version": self.model.version if self.model else None,
            "published": self.published,
            "below": self.below or None,
            "failed": self.failed or None,
        }


@dataclass
class Deployment:
    """One run over one repository.

    Attributes:
        given_up: documents, each with its data, that have failed in an earlier run of the same program.
    """

    client: Client
    checkout: Checkout
    folder: str = "experiments"
    say: Say = print
    given_up: set[tuple[str, str]] = field(default_factory=set)

    def plan(self) -> list[Step]:
        """What is to be done; nothing is changed.

        Raises:
            Refused: a document is wrong, or two do not fit together; names all mistakes.
        """
        steps, wrong = [], []
        for path in self.checkout.documents(self.folder):
            name = self.checkout.name(path)
            try:
                document = self.client.experiments.validate(path)
                data = self.checkout.data(document.file) if document.file else None
                steps.append(Step(name, path, document, data))
            except (InvalidRequest, RepositoryError) as error:
                wrong += [f"{name}: {message}" for message in _messages(error)]
        wrong += _contradictions(steps)
        for step in steps:
            wrong += [f"{step.name}: {message}" for message in self._look(step)]
        if wrong:
            raise Refused(wrong)
        return steps

    def _look(self, step: Step) -> Iterator[str]:
        """See what there is already; gives what stands against it."""
        document = step.document
        try:
            project = step.project = self.client.projects.get(document.project)
        except NotFound:
            step.creates, step.imports, step.why = True, step.data is not None, "it was never trained"
            return
        if project.type != document.type:
            yield f"type is {document.type}, and the project '{project.name}' is of type {project.type}"
            return
        step.last = next(project.experiments.jobs(document.name, "succeeded"), None)
        step.imports = step.data is not None and not self._has(project, step)
        step.why = self._reason(step)
        if not step.imports:
            try:
                project.experiments.validate(step.path)
            except InvalidRequest as error:
                yield from _messages(error)
                return
        if not step.why:
            self._judge(step)

    def _reason(self, step: Step) -> str:
        if step.last is None:
            return "it was never trained"
        kept = step.last.experiment or {}
        if kept.get("sha256") != step.document.sha256:
            return "the document has changed"
        return "the data have changed" if kept.get("source") != step.source else ""

    def _has(self, project: Project, step: Step) -> bool:
        """Whether a project holds the data of a step: its table is that file, or it was last trained on them."""
        try:
            table = self.client.transport.json("GET", path_of("projects", project.id, "table"))
            if step.data and table["sha256"] == step.data.sha256:
                return True
        except (Conflict, NotFound):
            pass  # it holds something else than a table, or none yet
        sources = ((job.experiment or {}).get("source") for job in project.jobs.list("succeeded"))
        return next((source for source in sources if source), "") == step.source

    def apply(self, steps: Sequence[Step]) -> None:
        """Do what is planned: projects and data of all first, then trainings, each followed by its publication.

        What fails is noted in its step, and the others go on.

        Raises:
            Refused: with the data in place a document turns out to be wrong; nothing was trained.
        """
        for step in steps:
            self._prepare(step)
        wrong = [f"{step.name}: {message}" for step in steps if not step.failed for message in self._mistakes(step)]
        if wrong:
            raise Refused(wrong, "trained")
        waiting = [step for step in steps if step.why and not step.failed]
        lanes = itertools.groupby(sorted(waiting, key=lambda step: step.document.project), lambda s: s.document.project)
        # A project has one training at a time; those of different projects run beside each other.
        for wave in itertools.zip_longest(*(list(lane) for _, lane in lanes)):
            begun = [(step, self._begin(step)) for step in wave if step]
            for step, job in begun:
                if job:
                    self._finish(step, job)
        for step in steps:
            if step.publishes and not step.failed:
                self._publish(step)

    def _prepare(self, step: Step) -> None:
        document = step.document
        if (step.document.sha256, step.source) in self.given_up and step.why:
            step.failed = "it failed before, and neither the document nor its data have changed since"
            return
        try:
            if step.project is None:
                step.project = self._made(document)
            if step.imports and step.data and not self._has(step.project, step):
                self.say(f"{step.name}: importing {step.data.name}")
                with packed(step.data.path) as file:
                    step.project.imports.create(file, **_options(document))
        except DiymlError as error:
            self._fail(step, error)

    def _made(self, document: CheckedExperiment) -> Project:
        try:
            return self.client.projects.get(document.project)  # another document may have made it just now
        except NotFound:
            self.say(f"creating the project '{document.project}'")
            return self.client.projects.create(document.project, document.type)

    def _mistakes(self, step: Step) -> list[str]:
        if not step.why or step.project is None:
            return []
        try:
            step.project.experiments.validate(step.path)
        except InvalidRequest as error:
            return _messages(error)
        return []

    def _begin(self, step: Step) -> Job | None:
        assert step.project is not None
        try:
            job = step.project.experiments.train(step.path, step.source)
        except DiymlError as error:
            self._fail(step, error)
            return None
        self.say(f"{step.name}: training, job {job.id}")
        return job

    def _finish(self, step: Step, job: Job) -> None:
        try:
            step.last, step.why = job.wait(), ""
            self._judge(step)
        except DiymlError as error:
            self._fail(step, error)

    def _judge(self, step: Step) -> None:
        """Find the model of the last training, and see whether it is worth to be published."""
        project, job, wanted = step.project, step.last, step.document.evaluation
        if project is None or job is None:
            return
        step.model = next((model for model in project.models.list() if model.job_id == job.id), None)
        if not wanted.decides:
            return
        if step.model is None:
            step.below = "its model was deleted"
            return
        value = step.model.metrics.get(wanted.metric)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            names = ", ".join(name for name, one in step.model.metrics.items() if isinstance(one, (int, float)))
            step.below = f"not published: its model has no metric '{wanted.metric}', only {names or 'none'}"
        elif not wanted.reached(value):
            step.below = f"not published: {wanted.metric} is {value:g}, wanted {wanted.words}"
        else:
            now = project.publication()
            # A newer version that another document has brought here stays.
            step.published = now.published_at is not None and (now.version or 0) >= step.model.version

    def _publish(self, step: Step) -> None:
        """Let the version answer from now on, whatever is trained later; what the publication says stays."""
        assert step.project is not None
        assert step.model is not None
        try:
            now = step.project.publication()
            example = (now.raw.get("example_image") or {}).get("id")
            step.project.publish(now.description, now.licence, step.model.version, example)
            step.published = True
            self.say(f"{step.name}: published version {step.model.version}")
        except DiymlError as error:
            self._fail(step, error)

    def _fail(self, step: Step, error: DiymlError) -> None:
        step.failed = str(error)
        if isinstance(error, (JobFailed, InvalidRequest)):  # anything else may be otherwise in a while
            self.given_up.add((step.document.sha256, step.source))
        self.say(f"{step.name}: {step.failed}")


def _options(document: CheckedExperiment) -> dict[str, Any]:
    """What becomes of images whose names are taken; a table is replaced as a whole anyway."""
    return {"on_conflict": "replace"} if document.type in ("classification", "detection") else {}


def _messages(error: DiymlError) -> list[str]:
    return [str(entry["message"]) for entry in error.errors if entry.get("message")] or [error.detail]


def _contradictions(steps: Sequence[Step]) -> list[str]:
    """Documents that are right alone, and not beside each other."""
    wrong: list[str] = []
    names: dict[tuple[str, str], str] = {}
    first: dict[str, Step] = {}
    for step in steps:
        project = step.document.project
        other = names.setdefault((project, step.document.name), step.name)
        if other != step.name:
            wrong.append(f"{step.name}: '{step.document.name}' of '{project}' is the name of {other} as well")
        before = first.setdefault(project, step)
        if before.document.type != step.document.type:
            wrong.append(f"{step.name}: '{project}' is of type {before.document.type} in {before.name}")
        elif before.data and step.data and before.data.sha256 != step.data.sha256:
            wrong.append(f"{step.name}: '{project}' gets {before.data.name} in {before.name}, and one set of data only")
    return wrong
