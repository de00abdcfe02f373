"""The account: who calls, and tokens for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from diyml_client.bound import Collection
from diyml_client.downloads import Progress, download
from diyml_client.records import Record, read
from diyml_client.transport import path_of


@dataclass
class Me(Record):
    """The account of who calls, and what the token in use may do."""

    username: str = ""
    email: str | None = None
    created_at: datetime | None = None
    scopes: list[str] = field(default_factory=list)
    expires_at: datetime | None = None


@dataclass
class Token(Record):
    """A token; `token` itself is there only when it was just made, and shown never again."""

    id: str = ""
    name: str = ""
    scopes: list[str] = field(default_factory=list)
    created_at: datetime | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    current: bool = False
    token: str | None = field(default=None, repr=False)


class Account(Collection):
    """`client.me`: the account of who calls."""

    def get(self) -> Me:
        """Read it."""
        return read(Me, self._transport.json("GET", path_of("me")))

    def set_email(self, email: str | None) -> Me:
        """Change the address to write to; a mail with a code comes to the new one. None removes it."""
        return read(Me, self._transport.json("PATCH", path_of("me"), body={"email": email}))

    def confirm_email(self, code: str) -> Me:
        """Confirm the address with the code of the mail."""
        return read(Me, self._transport.json("POST", path_of("me", "email", "confirm"), body={"code": code}))

    def change_password(self, old: str, new: str, keep_tokens: bool = False) -> None:
        """Change the password; all other tokens are revoked, unless they are to be kept."""
        body = {"old_password": old, "new_password": new, "keep_tokens": keep_tokens}
        self._transport.json("POST", path_of("me", "password"), body=body)

    def export(self, target: Path | str, progress: Progress | None = None) -> Path:
        """Download everything the account has, as a zip file."""
        return download(self._transport, path_of("me", "export"), Path(target), progress=progress)

    def delete(self, password: str) -> None:
        """Delete the account with all its projects, images and models, for good."""
        self._transport.json("DELETE", path_of("me"), body={"password": password})


class Tokens(Collection):
    """`client.tokens`: tokens for other programs, with no more rights than these need."""

    def list(self) -> Iterator[Token]:
        """All of the account, without the tokens themselves."""
        return self._transport.pages(path_of("tokens"), lambda item: read(Token, item), {})

    def create(self, name: str, scopes: Sequence[str] = ("read",), expires_in_days: int | None = None) -> Token:
        """Make one; its `token` is shown this once.

        Args:
            scopes: of read, write, train, infer, account; never more than the token has that makes it.
        """
        body: dict[str, Any] = {"name": name, "scopes": [*scopes]}
        if expires_in_days is not None:
            body["expires_in_days"] = expires_in_days
        return read(Token, self._transport.json("POST", path_of("tokens"), body=body))

    def revoke(self, token_id: str) -> None:
        """End one."""
        self._transport.json("DELETE", path_of("tokens", token_id))
