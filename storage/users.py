"""The `users` collection: names and password hashes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, shielded
from storage.passwords import Passwords, Place
from utils import Conflict, Unauthenticated, utc_now

_WRONG = "wrong user name or password"


@dataclass(frozen=True)
class User:
    """An account."""

    id: ObjectId
    username: str


@shielded
class Users:
    """Accounts by name; names are unique."""

    def __init__(self, database: Database[Document], passwords: Passwords):
        self._users = database["users"]
        self._passwords = passwords

    def create_indexes(self) -> None:
        self._users.create_index("username", unique=True)
        self._users.create_index("subject", unique=True, sparse=True)

    def create(self, username: str, password: bytes) -> User:
        """Create an account.

        Args:
            password: 8 to 72 bytes.

        Raises:
            Conflict: the name is taken.
            Unavailable: too many passwords are being hashed.
        """
        with self._passwords.place() as place:
            hashed = place.hash(password)
        row = {"username": username, "password_hash": hashed, "created_at": utc_now()}
        try:
            return User(self._users.insert_one(row).inserted_id, username)
        except DuplicateKeyError:
            raise Conflict(f"the user name '{username}' is taken: choose another") from None

    def of_subject(self, subject: str, username: str) -> User:
        """The account of somebody whom another server knows; made when there is none, without a password.

        Args:
            subject: by which that server knows them, for good.
            username: of the account to be made.

        Raises:
            Conflict: the name is that of another account.
        """
        for _ in range(2):
            row = self._users.find_one({"subject": subject}, {"username": 1})
            if row:
                return User(row["_id"], row["username"])
            made = {"username": username, "subject": subject, "password_hash": None, "created_at": utc_now()}
            try:
                return User(self._users.insert_one(made).inserted_id, username)
            except DuplicateKeyError:  # of the name, or another call has just made it
                continue
        raise Conflict(
            f"the user name '{username}' belongs to another account here: log in with that, or have another name there"
        )

    def authenticate(self, username: str, password: bytes, place: Place) -> User:
        """The user of this name and password; an unknown name takes as long as a wrong password.

        Args:
            place: from `Passwords`; whoever counts tries has it before counting one.

        Raises:
            Unauthenticated: wrong name or password, without saying which.
        """
        row = self._users.find_one({"username": username})
        if not place.matches(password, row["password_hash"] if row else None) or row is None:
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

    def names(self, user_ids: Collection[ObjectId]) -> dict[ObjectId, str]:
        """Names of those of the ids that are accounts."""
        rows = self._users.find({"_id": {"$in": list(user_ids)}}, {"username": 1})
        return {row["_id"]: row["username"] for row in rows}

    def created_at(self, user_id: ObjectId) -> datetime:
        """When an account was made."""
        row = self._users.find_one({"_id": user_id}, {"created_at": 1}) or {}
        return row.get("created_at") or user_id.generation_time

    def set_password(self, user_id: ObjectId, password: bytes, place: Place) -> None:
        """Make this the password of an account.

        Args:
            password: 8 to 72 bytes.
        """
        self._users.update_one({"_id": user_id}, {"$set": {"password_hash": place.hash(password)}})

    def delete(self, user_id: ObjectId) -> None:
        """Delete the account itself; from here on nothing it owns counts."""
        self._users.delete_one({"_id": user_id})

    def existing(self, user_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the ids that are accounts."""
        return {row["_id"] for row in self._users.find({"_id": {"$in": user_ids}}, {"_id": 1})}

    def gone(self, user_ids: Collection[str]) -> set[str]:
        """Those of the ids, as text, that are no accounts."""
        return set(user_ids) - {str(found) for found in self.existing([ObjectId(user_id) for user_id in user_ids])}
