"""From a reference to a model in MLflow to a queued job that makes it a version here."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from celery import Celery
from pydantic import ValidationError

from datasets.registry import KINDS
from inference.protocol import ModelCard
from settings import Settings
from storage.job import Job
from storage.projects import Project
from storage.roles import Role
from storage.store import Store
from storage.users import User
from tracking import words
from tracking.reading import Offer, Run, find_run, not_there, read_offer
from tracking.rest import Rest
from training.loading.judges import JUDGES
from training.queue import wake
from training.readiness import missing
from training.registry import TRAINERS
from training.submission import made_before
from utils import Conflict, Forbidden, InvalidInput, NotFound

_EPOCHS = 1
_SPLITS = ("train_split", "seed")


def load(
    store: Store,
    queue: Celery,
    settings: Settings,
    project: Project,
    user: User,
    reference: str,
    request_key: str | None = None,
) -> Job:
    """Queue it, once everything but the ONNX file itself has been looked at.

    Args:
        reference: the id of a run, or `models:/<name>/<version>`.
        request_key: as of `training.submission.submit`.

    Raises:
        InvalidInput: no such reference.
        NotFound: MLflow has no such model that the user may see.
        Conflict: it is none of ours, was changed, does not fit the project, or the project has nothing to score it on;
            no MLflow is connected; a training of the project is queued or running.
        Unavailable: MLflow does not answer.
    """
    if made := made_before(store, queue, request_key):
        return made
    rest = Rest(settings)
    run = find_run(rest, reference)
    _check_permitted(store, run, user)
    offer = read_offer(rest, run)
    card = card_of(offer)
    _check_fits(store, project, card)
    loads = {"reference": reference, "run_id": run.id}
    loads |= {"onnx_sha256": offer.onnx_sha256, "card_sha256": offer.card_sha256}
    job = store.jobs.create(
        project, _split(card), _EPOCHS, request_key=request_key, started_by=user.username, loads=loads
    )
    wake(queue, job.device)
    return job


def card_of(offer: Offer) -> ModelCard:
    """The card, by the schema of this version.

    Raises:
        Conflict: it is of another one.
    """
    try:
        return ModelCard(**offer.card)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"][:6]))
        raise Conflict(f"the card of the run '{offer.run.id}' cannot be read here: {where}: {first['msg']}") from None


def _split(card: ModelCard) -> dict[str, Any]:
    """The params that decide on the split, as the card names them where it does."""
    named = {name: value for name, value in card.dataset.items() if name in _SPLITS}
    try:
        params = TRAINERS[card.project_type].Params(**named)
    except ValidationError:
        params = TRAINERS[card.project_type].Params()
    return {name: getattr(params, name) for name in _SPLITS}


def _check_permitted(store: Store, run: Run, user: User) -> None:
    """A model is its project's: who may not see the project here may not have its models by way of MLflow.

    Of a project that is not here any more, or never was, the one who owned it may load what is left. What DIYML has
    not logged says no owner; it is refused as such later.

    Raises:
        NotFound: as if there were none.
    """
    if words.JOB not in run.tags:
        return
    project_id = run.tags.get(words.PROJECT, "")
    project = store.projects.get(ObjectId(project_id)) if ObjectId.is_valid(project_id) else None
    if project is None:
        if run.tags.get(words.OWNER) != user.username:
            raise not_there(run.reference)
        return
    try:
        store.projects.find(str(project.id), user, Role.VIEWER)
    except (NotFound, Forbidden):
        raise not_there(run.reference) from None


def _check_fits(store: Store, project: Project, card: ModelCard) -> None:
    if card.project_type != project.type:
        raise Conflict(f"the model is of type {card.project_type}, the project '{project.name}' of type {project.type}")
    judge = JUDGES.get(project.type)
    if judge is None:
        raise Conflict(f"models of {project.type} projects cannot be scored again, so they cannot be loaded")
    snapshot = KINDS[project.type].capture(store, project)
    if lacks := [lack.message for lack in missing(snapshot)]:
        raise InvalidInput(
            "a model is scored on the project's own data before it may serve, and there are none that fit: "
            + "; ".join(lacks)
        )
    if reason := judge.misfit(card, snapshot):
        raise Conflict(f"the model does not fit the project '{project.name}': {reason}")
