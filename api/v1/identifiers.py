"""Ids in URLs."""

from __future__ import annotations

from bson import ObjectId
from bson.errors import InvalidId

from utils import NotFound


def object_id(text: str, noun: str) -> ObjectId:
    """The id a URL names.

    Raises:
        NotFound: it is none, so there is no such thing.
    """
    try:
        return ObjectId(text)
    except InvalidId:
        raise NotFound(f"there is no {noun} '{text[:100]}'") from None
