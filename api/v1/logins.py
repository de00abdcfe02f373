"""`/api/v1/login` and `/api/v1/signup`: how somebody gets a first token."""

from __future__ import annotations

from api.operation import operation
from api.resource import PlatformResource
from api.v1.account_answers import LoggedIn
from api.v1.account_schemas import NewAccount, NewLogin, TokenWish
from storage.users import User


class GivesToken(PlatformResource):
    """The base of what logs somebody in."""

    def logged_in(self, user: User, wish: TokenWish) -> LoggedIn:
        """A further token of the user."""
        text, token = self.services.store.tokens.issue(user.id, wish.scopes, wish.name, wish.expiry())
        return LoggedIn(username=user.username, token=text, scopes=sorted(token.scopes), expires_at=token.expires_at)


class Login(GivesToken):
    """Being logged in: a token that is good."""

    @operation(takes=NewLogin, gives=LoggedIn, status=201, errors=(401, 429))
    def post(self, given: NewLogin) -> LoggedIn:
        """Log in: a further token, with all scopes unless fewer are asked for."""
        user = self.services.store.accounts.check(given.username, given.password, self.client_address())
        return self.logged_in(user, given)

    @operation(status=204)
    def delete(self) -> None:
        """Log out: the token that comes with this call is good no more."""
        self.services.store.tokens.revoke_one(self.user.id, self.caller.token.id)


class Signup(GivesToken):
    """Accounts that are made."""

    @operation(takes=NewAccount, gives=LoggedIn, status=201, errors=(409, 429))
    def post(self, new: NewAccount) -> LoggedIn:
        """Make an account, and log in."""
        user = self.services.store.accounts.sign_up(new.username, new.password, self.client_address())
        return self.logged_in(user, TokenWish())
