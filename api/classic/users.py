"""`/auth`: accounts, and logging in."""

from __future__ import annotations

from typing import Any

from api.account_deletion import delete_account
from api.classic.schemas import Credentials, NewUser, UserQuery
from api.resource import PlatformResource
from storage.users import User
from utils import Forbidden


class Users(PlatformResource):
    """An account by name and password."""

    def get(self) -> bool:
        """Whether a user name is taken."""
        return self.services.store.users.find(self.parse(UserQuery).username) is not None

    def post(self) -> dict[str, Any]:
        """Log in: a further token."""
        return self._logged_in(self._check_password(self.parse(Credentials)), "USER LOGGED IN")

    def put(self) -> dict[str, Any]:
        """Sign up, then log in."""
        new = self.parse(NewUser)
        user = self.services.store.accounts.sign_up(new.username, new.password, self.client_address())
        return self._logged_in(user, "USER CREATED")

    def patch(self) -> dict[str, Any]:
        """Delete the account with all it owns; asks for the password as well as the token."""
        user = self._check_password(self.parse(Credentials))
        if user.id != self.user.id:
            raise Forbidden("the token belongs to another user")
        delete_account(self.services, user)
        return {"Status": "Successful deletion"}

    def _logged_in(self, user: User, status: str) -> dict[str, Any]:
        token = self.services.store.tokens.create(user.id)
        return {"username": user.username, "api_token": token, "status": status}

    def _check_password(self, given: Credentials) -> User:
        return self.services.store.accounts.check(given.username, given.password, self.client_address())
