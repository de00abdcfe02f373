"""A model in MLflow that DIYML has logged, read without trust: described, compared with its hashes, never unpickled."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracking import package, words
from tracking.artifacts import Artifacts, artifacts_of, read_small
from tracking.rest import Rest
from utils import Conflict, InvalidInput, NotFound, TooLarge

_MOST_DESCRIPTION_BYTES = 1024 * 1024
_MOST_CARD_BYTES = 12 * 1024 * 1024
_RUN = re.compile(r"(?:runs:/)?([0-9a-f]{32})(?:/model/?)?")
_VERSION = re.compile(r"models:/([^/:@]{1,300})/([1-9][0-9]{0,8})")
_FINISHED = "FINISHED"


@dataclass(frozen=True)
class Run:
    """A run that a reference leads to, as MLflow describes it; nothing of it is checked yet."""

    reference: str
    id: str
    status: str
    root: str
    tags: dict[str, str]


@dataclass(frozen=True)
class Offer:
    """A model that may be loaded, as far as can be told without its ONNX file."""

    run: Run
    card: dict[str, Any]
    card_sha256: str
    onnx_sha256: str


def find_run(rest: Rest, reference: str) -> Run:
    """The run of a reference: the id of a run, or `models:/<name>/<version>`.

    Raises:
        InvalidInput: it is neither.
        NotFound: MLflow has nothing of the kind. `MlflowAway` when it does not answer.
    """
    run_id = _run_id(rest, reference)
    try:
        run = rest.get("runs/get", run_id=run_id)["run"]
    except NotFound:
        raise not_there(reference) from None
    tags = {tag["key"]: tag["value"] for tag in run.get("data", {}).get("tags", [])}
    info = run["info"]
    return Run(reference, run_id, info.get("status", ""), info["artifact_uri"], tags)


def not_there(reference: str) -> NotFound:
    """What is said of what is not there, and of what is none of the caller's business."""
    return NotFound(f"MLflow has no '{reference}' that you may load")


def _run_id(rest: Rest, reference: str) -> str:
    if run := _RUN.fullmatch(reference):
        return run[1]
    version = _VERSION.fullmatch(reference)
    if version is None:
        raise InvalidInput(
            "model must be the id of a run (32 hexadecimal digits) or models:/<name>/<version>, got "
            f"'{reference[:100]}'",
            [{"field": "model", "message": "neither the id of a run nor models:/<name>/<version>"}],
        )
    try:
        found = rest.get("model-versions/get", name=version[1], version=version[2])["model_version"]
    except NotFound:
        raise not_there(reference) from None
    run_id = found.get("run_id") or ""
    if not _RUN.fullmatch(run_id):
        raise foreign(reference, ["no run"])
    return str(run_id)


def foreign(reference: str, found: list[str]) -> Conflict:
    """The refusal of what DIYML has not logged."""
    what = f" (it has {', '.join(found)})" if found else ""
    return Conflict(
        f"'{reference}' is no model that DIYML has logged{what}: only those are loaded, from their ONNX file. A pickle "
        "is never opened, since it can run code"
    )


def read_offer(rest: Rest, run: Run) -> Offer:
    """Check what a run says of its model, and read the model's card.

    Raises:
        Conflict: it is none of ours, not whole, or was changed since; says what.
    """
    artifacts = artifacts_of(rest, run.root)
    flavours = _foreign_flavours(artifacts)
    if words.JOB not in run.tags or flavours:
        raise foreign(run.reference, flavours or [])
    if run.status != _FINISHED or words.ONNX not in run.tags or flavours is None:
        raise Conflict(f"the run '{run.id}' has no whole model: its job failed, or is being logged still")
    content = read_small(artifacts, package.CARD, _MOST_CARD_BYTES)
    digest = hashlib.sha256(content).hexdigest()
    try:
        card: dict[str, Any] = dict(json.loads(content))
    except (ValueError, RecursionError):
        card = {}
    if digest != run.tags.get(words.CARD) or card.get("onnx_sha256") != run.tags[words.ONNX]:
        raise Conflict(f"the card of the run '{run.id}' was changed since it was logged: its hash is another")
    return Offer(run, card, digest, run.tags[words.ONNX])


def _foreign_flavours(artifacts: Artifacts) -> list[str] | None:
    """What of the run's model is not ours; None when there is no model."""
    with suppress(NotFound):
        return package.foreign_flavours(read_small(artifacts, package.MODEL, _MOST_DESCRIPTION_BYTES))
    return None


def fetch_onnx(rest: Rest, offer: Offer, path: Path, most_bytes: int) -> None:
    """Download the ONNX file, and nothing else.

    Args:
        most_bytes: that it may have.

    Raises:
        Conflict: it is another than was logged.
        TooLarge: past what may be run. `NotFound` when it is gone.
    """
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        for chunk in artifacts_of(rest, offer.run.root).chunks(package.ONNX):
            size += len(chunk)
            if size > most_bytes:
                raise TooLarge(f"the model has more than the {most_bytes:,} bytes allowed")
            digest.update(chunk)
            file.write(chunk)
    if digest.hexdigest() != offer.onnx_sha256:
        raise Conflict(f"the ONNX file of run '{offer.run.id}' was changed since it was logged: its hash is another")
