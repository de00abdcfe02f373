"""What answers about accounts and tokens hold."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.operation import Shown
from api.v1.notification_answers import AccountShown
from storage.tokens import Scope


class LoggedIn(Shown):
    """A token, shown this once."""

    username: str
    token: str
    scopes: list[Scope]
    expires_at: datetime


class TokenShown(Shown):
    """A token without its text."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime
    last_used_at: Annotated[datetime | None, Field(description="To the minute; predictions do not count.")]
    current: Annotated[bool, Field(description="Whether this call came with it.")]


class NewTokenShown(TokenShown):
    """A token with its text, shown this once."""

    token: str


class MeShown(AccountShown):
    """An account, and the token that the call came with."""

    created_at: datetime
    scopes: list[Scope]
    expires_at: Annotated[datetime, Field(description="Of the token.")]
