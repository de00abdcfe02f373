"""Signing up, logging in and changing a password, with the bounds of how often; the same whatever contract asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from settings import Settings
from storage.passwords import Passwords, Place
from storage.throttles import Throttles
from storage.tokens import Token, Tokens
from storage.users import User, Users
from utils import DomainError


class Accounts:
    """Accounts, and who may get into them."""

    def __init__(
        self,
        settings: Settings,
        users: Users,
        tokens: Tokens,
        passwords: Passwords,
        failures: Throttles,
        hourly: Throttles,
    ):
        self._settings = settings
        self._users = users
        self._tokens = tokens
        self._passwords = passwords
        self._failures = failures
        self._hourly = hourly

    def sign_up(self, username: str, password: bytes, address: str) -> User:
        """Make an account.

        Args:
            password: 8 to 72 bytes.
            address: that the call comes from; many accounts an hour are made from none.

        Raises:
            Conflict: the name is taken.
            TooManyRequests: too many accounts were made from this address.
            Unavailable: too many passwords are being hashed.
        """
        key, limit = f"sign-up {address}", self._settings.signups_per_address
        if limit:
            self._hourly.charge(key, limit, "accounts made from this address in an hour")
        try:
            return self._users.create(username, password)
        except DomainError:
            if limit:
                self._hourly.refund(key)
            raise

    def check(self, username: str, password: str, address: str) -> User:
        """The user of this name and password.

        Raises:
            Unauthenticated: wrong name or password, without saying which.
            TooManyRequests: too many tries failed.
            Unavailable: too many passwords are being hashed.
        """
        with self._checked(username, password, address) as (user, _):
            return user

    def change_password(self, user: User, old: str, new: bytes, address: str, kept: Token | None) -> None:
        """Change a password, then revoke the tokens that were made with the old one.

        Args:
            new: 8 to 72 bytes.
            kept: the token that stays; None when all stay.

        Raises:
            Unauthenticated: the old password is wrong.
            TooManyRequests: too many tries failed.
            Unavailable: too many passwords are being hashed.
        """
        with self._checked(user.username, old, address) as (_, place):
            self._users.set_password(user.id, new, place)
        if kept:
            self._tokens.revoke_all(user.id, but=kept.id)

    @contextmanager
    def _checked(self, username: str, password: str, address: str) -> Iterator[tuple[User, Place]]:
        """Every try is charged before the password is looked at, so that parallel tries cannot pass the limit."""
        charges = {
            f"login {address}": self._settings.login_attempts_per_address,
            f"login {address} {username}": self._settings.login_attempts,
        }
        # Who finds no place was not let in to try, so that nothing is charged.
        with self._passwords.place() as place:
            for key, limit in charges.items():
                self._failures.charge(key, limit)
            user = self._users.authenticate(username, password.encode(), place)
            for key in charges:
                self._failures.refund(key)
            yield user, place
