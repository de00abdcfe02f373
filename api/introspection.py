"""Tokens that another server has given out, asked about there: token introspection, RFC 7662."""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from api.access import Caller
from api.names import Name
from api.recent import Recent
from settings import Settings
from storage.store import Store
from storage.tokens import ALL_SCOPES, Scope, Token
from utils import Unavailable, utc_now

logger = logging.getLogger(__name__)

SECONDS = 30
_CONNECT_SECONDS, _READ_SECONDS = 2.0, 3.0
_MOST_BYTES = 64 * 1024
_RETRY_AFTER_SECONDS = 5
_USUAL = ALL_SCOPES - {Scope.ACCOUNT}


def _scopes(words: str | None) -> frozenset[Scope]:
    known = {scope.value: scope for scope in _USUAL}
    return _USUAL if words is None else frozenset(known[word] for word in words.split() if word in known)


class _Answer(BaseModel):
    """What the other server says of a token that is good; anything else in it is not ours."""

    username: Name
    sub: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    exp: Annotated[int, Field(ge=0, le=253_402_300_799)] | None = None
    scopes: frozenset[Scope]


class Introspection:
    """Knows callers by what another server says of their tokens, and remembers it for half a minute.

    Args:
        settings: with the URL to ask at.
    """

    def __init__(self, settings: Settings, store: Store):
        self._settings = settings
        self._store = store
        self._known = Recent(store.changes, SECONDS)

    def caller_of(self, token: str) -> Caller | None:
        """Who has this token; None when the other server knows none, or it has expired.

        An account here is made with the first call; it has no password, and belongs to the `sub` (or, without one,
        the `username`) of that server for good.

        Raises:
            Unavailable: the other server does not answer, or not as the protocol wants.
            Conflict: the user name belongs to an account of this platform already.
        """
        key = hashlib.sha256(token.encode(errors="replace")).digest()
        caller = self._known.get(key, lambda: self._asked(token))
        return caller if caller and caller.token.expires_at > utc_now() else None

    def _asked(self, token: str) -> Caller | None:
        body = self._ask(token)
        if body.get("active") is not True:
            return None
        try:
            said = _Answer.model_validate({**body, "scopes": _scopes(body.get("scope"))})
        except (ValidationError, AttributeError):
            raise self._unavailable("it names no user that could have an account here") from None
        user = self._store.users.of_subject(said.sub or said.username, said.username)
        now = utc_now()
        until = datetime.fromtimestamp(said.exp, timezone.utc) if said.exp else now + timedelta(seconds=SECONDS)
        return Caller(user, Token(user.id, user.id, now, until, said.scopes))

    def _ask(self, token: str) -> dict[str, Any]:
        import requests  # which asks the system for sockets when it is imported

        settings = self._settings
        client = (settings.introspection_client, settings.introspection_secret)
        try:
            with requests.post(
                settings.introspection_url,
                data={"token": token, "token_type_hint": "access_token"},
                headers={"Accept": "application/json"},
                auth=client if any(client) else None,
                timeout=(_CONNECT_SECONDS, _READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as answer:
                if answer.status_code != requests.codes.ok:
                    raise self._unavailable(f"it answers {answer.status_code}")
                content = next(answer.iter_content(_MOST_BYTES), b"")
            body = json.loads(content)
        except requests.RequestException as error:
            raise self._unavailable(type(error).__name__) from None
        except ValueError:
            raise self._unavailable("its answer is no JSON") from None
        if not isinstance(body, dict):
            raise self._unavailable("its answer is no JSON object")
        return body

    def _unavailable(self, reason: str) -> Unavailable:
        """The reason is the operator's, and stands in the log."""
        logger.warning("tokens cannot be checked at %s: %s", self._settings.introspection_url, reason)
        return Unavailable(
            "tokens cannot be checked at the moment: try again soon", retry_after_seconds=_RETRY_AFTER_SECONDS
        )
