"""Brings the model of a claimed job from MLflow to the worker's disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inference.check import MOST_BYTES
from settings import Settings
from tracking.reading import fetch_onnx, find_run, read_offer
from tracking.rest import Rest
from training.loading.submission import card_of
from utils import DomainError


class CannotFetch(Exception):
    """There is nothing to load; the message says why."""


def fetch(settings: Settings, loads: dict[str, str], path: Path) -> dict[str, Any]:
    """Download the ONNX file; gives what `training.loading.run` is told of the model.

    Args:
        loads: of the job.
        path: to write to.

    Raises:
        CannotFetch: MLflow does not answer, or what it has is another than was asked for.
    """
    try:
        rest = Rest(settings)
        offer = read_offer(rest, find_run(rest, loads["run_id"]))
        if (offer.card_sha256, offer.onnx_sha256) != (loads["card_sha256"], loads["onnx_sha256"]):
            raise CannotFetch(f"the run '{offer.run.id}' has another model by now: load it again")
        fetch_onnx(rest, offer, path, MOST_BYTES)
    except DomainError as error:
        raise CannotFetch(error.detail) from error
    named = {name: loads[name] for name in ("reference", "run_id")}
    return {"onnx": str(path.absolute()), "card": card_of(offer).model_dump(), "loaded": named}
