"""The `users` collection: names and password hashes."""

from __future__ import annotations

from dataclasses import dataclass

import bcrypt
from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, shielded
from utils import Conflict, Unauthenticated, utc_now

_WRONG = "wrong user name or password"
_MOST_PASSWORD_BYTES = 72
_SALT_CHARACTERS, _DIGEST_CHARACTERS = 22, 31


@dataclass(frozen=True)
class User:
    """An account."""

    id: ObjectId
    username: str


def _nobodys_hash(rounds: int) -> bytes:
    """A hash that no known password has, so that an unknown name costs the same time as a wrong password."""
    return b"$2b$%02d$%s%s" % (rounds, b"." * _SALT_CHARACTERS, b"." * _DIGEST_CHARACTERS)


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
        # bcrypt takes no longer one. Its beginning costs the same time and must not count as the password.
        matches = bcrypt.checkpw(password[:_MOST_PASSWORD_BYTES], stored)
        if not matches or row is None or len(password) > _MOST_PASSWORD_BYTES:
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
