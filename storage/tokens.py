"""The `tokens` collection: who may call, until when. Only hashes are stored."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from bson import ObjectId
from pymongo import WriteConcern

from storage.database import Database, Document, shielded
from storage.order import Place, ordered
from utils import utc_now

_TOKEN_BYTES = 32
_USE_NOTED_EVERY = timedelta(minutes=1)


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
    """Who holds a token, and for what; the text itself is nowhere.

    Attributes:
        name: what the user calls it; empty when it has none.
        last_used_at: to the minute; None when it was never used.
    """

    id: ObjectId
    user_id: ObjectId
    created_at: datetime
    expires_at: datetime
    scopes: frozenset[Scope] = ALL_SCOPES
    name: str = ""
    last_used_at: datetime | None = None


def _token(row: Document) -> Token:
    # Those made before there were scopes are good for everything, as logging in says.
    scopes = frozenset(map(Scope, row["scopes"])) if "scopes" in row else ALL_SCOPES
    fields = ("user_id", "created_at", "expires_at", "name", "last_used_at")
    return Token(row["_id"], scopes=scopes, **{name: row[name] for name in fields if name in row})


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@shielded
class Tokens:
    """API tokens; a token is shown once, when it is made."""

    def __init__(self, database: Database[Document], days: int):
        self._tokens = database["tokens"]
        # Nobody waits for this to be safe: a moment that gets lost is noted with the next use.
        self._uses = self._tokens.with_options(write_concern=WriteConcern(w=1, j=False))
        self._lifetime = timedelta(days=days)

    def create_indexes(self) -> None:
        self._tokens.create_index("digest", unique=True)
        self._tokens.create_index("user_id")
        self._tokens.create_index("expires_at", expireAfterSeconds=0)

    def create(
        self,
        user_id: ObjectId,
        scopes: frozenset[Scope] = ALL_SCOPES,
        name: str = "",
        expires_at: datetime | None = None,
    ) -> str:
        """A new token of the user, 43 URL-safe characters of 256 random bits."""
        return self.issue(user_id, scopes, name, expires_at)[0]

    def issue(
        self, user_id: ObjectId, scopes: frozenset[Scope], name: str = "", expires_at: datetime | None = None
    ) -> tuple[str, Token]:
        """As `create`, with what is stored of it.

        Args:
            expires_at: None for the usual time.
        """
        token, now = secrets.token_urlsafe(_TOKEN_BYTES), utc_now()
        row: Document = {
            "digest": _digest(token),
            "user_id": user_id,
            "scopes": sorted(scopes),
            "created_at": now,
            "expires_at": expires_at or now + self._lifetime,
        }
        if name:
            row["name"] = name
        self._tokens.insert_one(row)
        return token, _token(row)

    def find(self, token: str) -> Token | None:
        """The token as it is stored; None when it is unknown, revoked or expired."""
        row = self._tokens.find_one({"digest": _digest(token), "expires_at": {"$gt": utc_now()}})
        return _token(row) if row else None

    def note_use(self, token: Token) -> None:
        """Note that a token is used, at most once a minute: what tells which ones are still needed."""
        now = utc_now()
        if token.last_used_at is None or now - token.last_used_at > _USE_NOTED_EVERY:
            self._uses.update_one({"_id": token.id}, {"$max": {"last_used_at": now}})

    def list_of(self, user_id: ObjectId, limit: int, after: Place | None = None) -> list[Token]:
        """A page of the tokens of a user that are good, newest first.

        Args:
            after: the place behind which to go on.
        """
        query = {"user_id": user_id, "expires_at": {"$gt": utc_now()}}
        return [_token(row) for row in ordered(self._tokens, query, limit, after=after)]

    def revoke_one(self, user_id: ObjectId, token_id: ObjectId) -> bool:
        """Make a token of the user unusable; false when the user has none of this id."""
        return bool(self._tokens.delete_one({"_id": token_id, "user_id": user_id}).deleted_count)

    def revoke(self, token: str) -> None:
        """Make the token unusable; an unknown one is no error."""
        self._tokens.delete_one({"digest": _digest(token)})

    def user_ids(self) -> list[ObjectId]:
        """Ids of all users who have tokens, whether or not their accounts still exist."""
        return self._tokens.distinct("user_id")

    def revoke_all(self, user_id: ObjectId, but: ObjectId | None = None) -> None:
        """Make every token of the user unusable, but perhaps one."""
        self._tokens.delete_many({"user_id": user_id, "_id": {"$ne": but}})
