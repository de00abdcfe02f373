"""`/api/v1/tokens`: what may act in the caller's name, for what, and until when."""

from __future__ import annotations

from typing import Any

from api.operation import Page, operation
from api.pagination import page, position
from api.resource import PlatformResource
from api.v1.account_answers import NewTokenShown, TokenShown
from api.v1.account_schemas import NewToken
from api.v1.schemas import PageQuery
from storage.database import object_id
from storage.order import Place
from storage.tokens import Token
from utils import InsufficientScope, NotFound


class TokenResource(PlatformResource):
    """The base of what answers with tokens."""

    def shown(self, token: Token) -> dict[str, Any]:
        """A token without its text."""
        shown = TokenShown(
            id=str(token.id),
            name=token.name,
            scopes=sorted(token.scopes),
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
            current=token.id == self.caller.token.id,
        )
        return shown.model_dump(mode="json")


class TokenList(TokenResource):
    """The tokens of the caller."""

    @operation(takes=PageQuery, gives=Page[TokenShown])
    def get(self, query: PageQuery) -> dict[str, Any]:
        """List those that are good, newest first."""
        rows = self.services.store.tokens.list_of(self.user.id, query.limit + 1, position(query.cursor))
        return page(rows, query.limit, show=self.shown, place=lambda row: Place(row.created_at, row.id))

    @operation(takes=NewToken, gives=NewTokenShown, status=201, headers={"Location": "the token"})
    def post(self, new: NewToken) -> tuple[dict[str, Any], dict[str, str]]:
        """Make one; its text is in this answer and in no other."""
        if more := new.scopes - self.caller.token.scopes:
            raise InsufficientScope(
                f"this token is not for {', '.join(sorted(more))}, so it can make none that is: log in for that"
            )
        text, token = self.services.store.tokens.issue(self.user.id, new.scopes, new.name, new.expiry())
        return {**self.shown(token), "token": text}, {"Location": f"/api/v1/tokens/{token.id}"}


class TokenItem(TokenResource):
    """One token."""

    @operation(status=204, errors=(404,))
    def delete(self, token_id: str) -> None:
        """Revoke it, at once."""
        if not self.services.store.tokens.revoke_one(self.user.id, object_id(token_id, "token")):
            raise NotFound(f"there is no token '{token_id}'")
