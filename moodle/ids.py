"""What names a model: ids that a client chose, never part of a path or of a query by more than their value."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from utils import InvalidInput

MOST_ID_CHARACTERS = 255
_MODEL = "model"
ACCOUNTS = "accounts"
_ACCOUNT = re.compile(r"[0-9a-f]{24}")
SHARED = ""  # the owner of what the users of the environment variable have in common


@dataclass(frozen=True)
class ModelIds:
    """A model: whose, of which of Moodle's models, and in which of its folders."""

    owner: str
    uniqueid: str
    dirhash: str = ""

    def __post_init__(self) -> None:
        """See that they can be ids.

        Raises:
            InvalidInput: one cannot.
        """
        if not self.uniqueid:
            raise InvalidInput("uniqueid is missing: wanted is the id of a model")
        for name in ("uniqueid", "dirhash"):
            value = getattr(self, name)
            if len(value) > MOST_ID_CHARACTERS:
                raise InvalidInput(f"{name} has {len(value):,} characters, allowed are {MOST_ID_CHARACTERS}")
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise InvalidInput(f"{name} is no text in UTF-8")

    @property
    def model(self) -> Key:
        """Where the model lies."""
        return Key(self, _MODEL)

    def log(self, run_id: int) -> Key:
        """Where the log of an evaluation lies."""
        return Key(self, f"log-{run_id}")


@dataclass(frozen=True)
class Key:
    """One object of a model; `name` is ours: `model`, or `log-` and a number."""

    ids: ModelIds
    name: str

    @property
    def group(self) -> str:
        """One name for everything under an owner's uniqueid; what belongs to an account lies in a folder of its own."""
        return place_of(self.ids.owner) + _hash(self.ids.owner, self.ids.uniqueid)

    @property
    def folder(self) -> str:
        """The same for everything under its dirhash."""
        return _hash(self.ids.dirhash)

    @property
    def whole(self) -> str:
        """A name for this object alone."""
        return f"{self.group}/{self.folder}/{self.name}"


def place_of(owner: str) -> str:
    """The folder of an account, with a slash at its end; empty for `SHARED`.

    Raises:
        ValueError: the owner is no id of an account.
    """
    if owner == SHARED:
        return ""
    if not _ACCOUNT.fullmatch(owner):
        raise ValueError("an owner is an id of 24 hexadecimal digits")
    return f"{ACCOUNTS}/{owner}/"


def _hash(*texts: str) -> str:
    # As JSON, since two texts that follow one another could be cut in another place.
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()
