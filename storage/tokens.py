"""The `tokens` collection: who may call, until when. Only hashes are stored."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from bson import ObjectId

from storage.database import Database, Document, shielded
from utils import utc_now

_TOKEN_BYTES = 32


class Scope(str, Enum):
    """What a token may be used for: looking, changing data, training, predicting, and the account itself."""

    READ = "read"
    WRITE = "write"
    TRAIN = "train"
    INFER = "infer"
    ACCOUNT = "account"


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True)
class Token:
    """Who holds a token, and for what."""

    id: ObjectId
    user_id: ObjectId
    scopes: frozenset[Scope] = ALL_SCOPES


def _token(row: Document) -> Token:
    # Those made before there were scopes are good for everything, as logging in says.
    scopes = frozenset(map(Scope, row["scopes"])) if "scopes" in row else ALL_SCOPES
    return Token(row["_id"], row["user_id"], scopes)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@shielded
class Tokens:
    """API tokens; a token is shown once, when it is made."""

    def __init__(self, database: Database[Document], days: int):
        self._tokens = database["tokens"]
        self._lifetime = timedelta(days=days)

    def create_indexes(self) -> None:
        self._tokens.create_index("digest", unique=True)
        self._tokens.create_index("user_id")
        self._tokens.create_index("expires_at", expireAfterSeconds=0)

    def create(self, user_id: ObjectId, scopes: frozenset[Scope] = ALL_SCOPES) -> str:
        """A new token of the user, 43 URL-safe characters of 256 random bits."""
        token, now = secrets.token_urlsafe(_TOKEN_BYTES), utc_now()
        self._tokens.insert_one(
            {
                "digest": _digest(token),
                "user_id": user_id,
                "scopes": sorted(scopes),
                "created_at": now,
                "expires_at": now + self._lifetime,
            }
        )
        return token

    def find(self, token: str) -> Token | None:
        """The token as it is stored; None when it is unknown, revoked or expired."""
        row = self._tokens.find_one({"digest": _digest(token), "expires_at": {"$gt": utc_now()}})
        return _token(row) if row else None

    def revoke(self, token: str) -> None:
        """Make the token unusable; an unknown one is no error."""
        self._tokens.delete_one({"digest": _digest(token)})

    def user_ids(self) -> list[ObjectId]:
        """Ids of all users who have tokens, whether or not their accounts still exist."""
        return self._tokens.distinct("user_id")

    def revoke_all(self, user_id: ObjectId) -> None:
        """Make every token of the user unusable."""
        self._tokens.delete_many({"user_id": user_id})
