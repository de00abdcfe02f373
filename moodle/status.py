"""The answers of the protocol, as dictionaries in its own keys."""

from __future__ import annotations

from enum import IntFlag
from typing import Any

Answer = dict[str, Any]
NOT_ALL_CLASSES = "Training data needs to include samples belonging to all classes"
NOT_TRAINED = "Provided model have not been trained yet"


class Status(IntFlag):
    """How something ended; low score and varied together are 12."""

    OK = 0
    ERROR = 1
    NO_MODEL = 2
    LOW_SCORE = 4
    VARIED = 8


def trained() -> Answer:
    """A file was learned from."""
    return {"status": int(Status.OK), "info": []}


def not_all_classes() -> Answer:
    """A file was not learned from, because a class of its header has no sample in it."""
    return {"status": int(Status.VARIED), "info": [], "errors": NOT_ALL_CLASSES}


def not_trained() -> Answer:
    """There is no model."""
    return {"status": int(Status.NO_MODEL), "info": [NOT_TRAINED]}


def failed(sentence: str, **more: Any) -> Answer:
    """It could not be done, for a reason that the data has."""
    return {"status": int(Status.ERROR), "info": [sentence], **more}
