"""The `users` collection: names and password hashes."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import bcrypt
from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, shielded
from utils import Conflict, Unauthenticated, utc_now

_WRONG = "wrong user name or password"


@dataclass(frozen=True)
class User:
    """An account."""

    id: ObjectId
    username: str


@functools.cache
def _nobodys_hash(rounds: int) -> bytes:
    """A hash that no password matches, so that an unknown name costs the same time as a wrong password."""
    return bcrypt.hashpw(b"nobody", bcrypt.gensalt(rounds))


@shielded
class Users:
    """Accounts by name; names are unique."""

    def __init__(self, database: Database[Document], bcrypt_rounds: int):
        self._users = database["users"]
        self._rounds = bcrypt_rounds

    def create_indexes(self) -> None:
        self._users.create_index("username", unique=True)

    def create(self, username: str, password: bytes) -> User:
        """Create an account.

        Args:
            password: 8 to 72 bytes.

        Raises:
            Conflict: the name is taken.
        """
        row = {
            "username": username,
            "password_hash": bcrypt.hashpw(password, bcrypt.gensalt(self._rounds)),
            "created_at": utc_now(),
        }
        try:
            return User(self._users.insert_one(row).inserted_id, username)
        except DuplicateKeyError:
            raise Conflict(f"the user name '{username}' is taken: choose another") from None

    def authenticate(self, username: str, password: bytes) -> User:
        """The user of this name and password; an unknown name takes as long as a wrong password.

        Raises:
            Unauthenticated: wrong name or password, without saying which.
        """
        row = self._users.find_one({"username": username})
        stored = row["password_hash"] if row else _nobodys_hash(self._rounds)
        if not bcrypt.checkpw(password, stored) or row is None:
            raise Unauthenticated(_WRONG)
        return User(row["_id"], row["username"])

    def find(self, username: str) -> User | None:
        """The user of this name, or None."""
        row = self._users.find_one({"username": username}, {"username": 1})
        return User(row["_id"], row["username"]) if row else None

    def get(self, user_id: ObjectId) -> User | None:
        """The user of this id, or None when the account is gone."""
        row = self._users.find_one({"_id": user_id}, {"username": 1})
        return User(row["_id"], row["username"]) if row else None

    def delete(self, user_id: ObjectId) -> None:
        """Delete the account itself; from here on nothing it owns counts."""
        self._users.delete_one({"_id": user_id})

    def existing(self, user_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the ids that are accounts."""
        return {row["_id"] for row in self._users.find({"_id": {"$in": user_ids}}, {"_id": 1})}
