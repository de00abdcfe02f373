"""The base of all resources: who may call is checked before the method runs, from what the route declares."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from flask import g, request
from flask.typing import ResponseReturnValue
from flask_restful import Resource
from pydantic import BaseModel

from api.idempotency import once, sent_key
from api.parameters import parameters, parse
from api.platform import Platform, Services
from api.recent import Recent
from api.watch import Watch
from storage.users import User
from utils import DatabaseSilent, Unauthenticated

S = TypeVar("S", bound=BaseModel)


class Access(str, Enum):
    """Who may call a method."""

    PUBLIC = "public"
    TOKEN = "token"  # noqa: S105  # a word, no secret


class PlatformResource(Resource):
    """A resource with the platform's services; a fresh one is made for each request.

    Attributes:
        user: who calls, on methods that need a token.
        request_key: the same when this call is made again, for what must not be made twice; None without
            an idempotency key.
    """

    user: User
    request_key: str | None = None

    def __init__(self, platform: Platform, access: dict[str, Access]):
        self._platform = platform
        self._access = access

    def dispatch_request(self, *args: Any, **kwargs: Any) -> ResponseReturnValue:
        """Authenticate as the route declares, then run the method."""
        access = self._access["GET" if request.method == "HEAD" else request.method]
        began = time.monotonic()
        try:
            if access is not Access.TOKEN:
                return super().dispatch_request(*args, **kwargs)
            self.user = self._authenticate()
            key = None if self.reads() else sent_key()
            if key is None:
                return super().dispatch_request(*args, **kwargs)
            return self._once(key, lambda: super(PlatformResource, self).dispatch_request(*args, **kwargs))
        except DatabaseSilent:
            self._platform.database_was_silent(began)
            raise
        finally:
            if self.changes():
                self._platform.mark_changed()

    def reads(self) -> bool:
        """Whether this call changes nothing; it is then made anew whatever its idempotency key."""
        return request.method in ("GET", "HEAD")

    def changes(self) -> bool:
        """Whether this call may change who may do what, or what a project answers with."""
        return not self.reads()

    @property
    def recent(self) -> Recent:
        """What was read a moment ago."""
        return self._platform.recent

    @property
    def services(self) -> Services:
        """The rooms below."""
        return self._platform.services

    def stopping(self) -> bool:
        """Whether the process is about to end."""
        return self._platform.stopping()

    def metrics_folder(self) -> Path | None:
        """Where the web processes of this machine keep what they count; None when there is one process only."""
        return self._platform.metrics_folder

    def watch(self) -> Watch:
        """What asks whether the parts of the platform answer."""
        return self._platform.watch

    @cached_property
    def given(self) -> dict[str, Any]:
        """The parameters as sent."""
        return parameters()

    def parse(self, schema: type[S]) -> S:
        """The parameters as a schema.

        Raises:
            InvalidInput: with one entry in `errors` for each bad field.
        """
        return parse(schema, self.given)

    def token(self) -> str | None:
        """The token as sent: `api_token` among the parameters, or a bearer token."""
        value = self.given.get("api_token")
        if isinstance(value, str) and value:
            return value
        authorization = request.authorization
        return authorization.token if authorization and authorization.type == "bearer" else None

    def client_address(self) -> str:
        """Where the call comes from, as far as the operator's own proxies tell."""
        proxies, hops = self._platform.settings.trusted_proxies, request.access_route
        return hops[-proxies] if 0 < proxies <= len(hops) else str(request.remote_addr)

    def optional_user(self) -> User | None:
        """Who calls, on a method that works with and without a token.

        Raises:
            Unauthenticated: a token was sent and is not valid.
        """
        return self._authenticate() if self.token() or "api_token" in self.given else None

    def user_of(self, token: str) -> User | None:
        """Whose token it is; None when it is nobody's."""
        store = self.services.store
        user_id = store.tokens.user_id(token)
        user = store.users.get(user_id) if user_id else None
        self._platform.database_answered()
        return user

    def _once(self, key: str, call: Callable[[], ResponseReturnValue]) -> ResponseReturnValue:
        def keyed(request_key: str) -> ResponseReturnValue:
            self.request_key = request_key
            return call()

        return once(self.services.store.idempotency, self.user, key, self.given, keyed)

    def _authenticate(self) -> User:
        token = self.token()
        if token is None:
            raise Unauthenticated("no token: send api_token, or the header 'Authorization: Bearer ...'")
        user = self.user_of(token)
        if user is None:
            raise Unauthenticated("the token is unknown, revoked or expired: log in again")
        g.user_id = user.id
        return user
