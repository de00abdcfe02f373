"""One schema a request about accounts and tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints, model_validator

from api.names import Lookup, Name, NewPassword, Number, Text, encodable, printable
from api.operation import Request
from storage.tokens import ALL_SCOPES, Scope
from utils import utc_now

MOST_TOKEN_DAYS = 3650
_MOST_TOKEN_NAME_CHARACTERS = 100


def _scopes(value: Any) -> Any:
    """A form has one text for all."""
    names = value.replace(",", " ").split() if isinstance(value, str) else value
    if isinstance(names, frozenset):
        return names
    if not isinstance(names, list) or not all(isinstance(name, str) and name in ALL_SCOPES for name in names):
        raise ValueError(f"must be a list of {', '.join(sorted(ALL_SCOPES))}")
    return frozenset(map(Scope, names))


def _may_repeat(schema: dict[str, Any]) -> None:
    """One that is named twice is meant once."""
    schema.pop("uniqueItems", None)


Scopes = Annotated[frozenset[Scope], Field(min_length=1, json_schema_extra=_may_repeat), BeforeValidator(_scopes)]
Days = Annotated[int, Field(ge=1, le=MOST_TOKEN_DAYS), Number]
TokenName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=_MOST_TOKEN_NAME_CHARACTERS),
    AfterValidator(encodable),
    AfterValidator(printable),
]
Password = Annotated[Text, Field(min_length=1)]


class TokenWish(Request):
    """What a token is to be; with no scopes named it may do all, with no days it is good as long as usual."""

    name: TokenName = ""
    scopes: Scopes = ALL_SCOPES
    expires_in_days: Days | None = None

    def expiry(self) -> datetime | None:
        """When the token is to expire; None for the usual time."""
        return None if self.expires_in_days is None else utc_now() + timedelta(days=self.expires_in_days)


class NewToken(TokenWish):
    """A token to be made; it may do no more than the one that makes it."""

    name: Annotated[TokenName, Field(min_length=1)]
    scopes: Scopes
    expires_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_expiry(self) -> NewToken:
        if self.expires_at is None:
            return self
        if self.expires_in_days is not None:
            raise ValueError("send expires_in_days or expires_at, not both")
        if not timedelta() < self.expires_at - utc_now() <= timedelta(days=MOST_TOKEN_DAYS):
            raise ValueError(f"expires_at must be in the future, within {MOST_TOKEN_DAYS} days")
        return self

    def expiry(self) -> datetime | None:
        """See `TokenWish.expiry`."""
        return self.expires_at or super().expiry()


class NewLogin(TokenWish):
    """A name and a password to be compared with what is stored, and the token that is wanted."""

    username: Lookup
    password: Password


class NewAccount(Request):
    """A name and a password to be stored."""

    username: Name
    password: NewPassword


class PasswordChange(Request):
    """Another password; with `keep_tokens` those who are logged in elsewhere stay so."""

    old_password: Password
    new_password: NewPassword
    keep_tokens: bool = False


class AccountDeletion(Request):
    """The password, once more, before everything goes."""

    password: Password
