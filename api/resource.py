"""The base of all resources: who may call is checked before the method runs, from what the route declares."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

from flask import g, request
from flask.typing import ResponseReturnValue
from flask_restful import Resource
from pydantic import BaseModel
from werkzeug.exceptions import UnsupportedMediaType

from api.access import Access, Caller
from api.addresses import client_address
from api.idempotency import once, sent_key
from api.parameters import parameters, parse
from api.platform import Platform, Services
from api.recent import Recent
from api.watch import Watch
from datasets.kinds import DataKind
from datasets.registry import KINDS
from storage.projects import Project
from storage.users import User
from utils import Conflict, DatabaseSilent, Unauthenticated

S = TypeVar("S", bound=BaseModel)
# By name of a kind of data: which calls are about it, for whoever made one of another kind.
_CALLS = {
    "images": "its images are at {url}/images, and predictions take images",
    "table": "its table is at {url}/table, data come in by POST {url}/imports, and predictions take rows",
    "series": "its table is at {url}/table, data come in by POST {url}/imports or /rows, and predictions take rows",
}


class PlatformResource(Resource):
    """A resource with the platform's services; a fresh one is made for each request.

    Attributes:
        REMEMBERS_CALLERS: who calls may be what it was a moment ago (`api/recent.py`), for what is called very often.
        KIND: the kind of data that it is about, or several; projects of another kind are refused.
        caller: who calls, on methods that need a token, and with which; `user` is the account.
        access: what the route declares for the method that is called.
        request_key: the same when this call is made again, for what must not be made twice; None without
            an idempotency key.
    """

    REMEMBERS_CALLERS = False
    KIND: ClassVar[DataKind | tuple[DataKind, ...] | None] = None
    caller: Caller
    user: User
    access: Access
    request_key: str | None = None

    def __init__(self, platform: Platform, access: dict[str, Access]):
        self._platform = platform
        self._declared = access

    def dispatch_request(self, *args: Any, **kwargs: Any) -> ResponseReturnValue:
        """Authenticate as the route declares, then run the method."""
        self.access = self._declared.get(request.method) or self._declared["GET"]  # what answers GET answers HEAD
        began = time.monotonic()
        try:
            if self.access.is_public:
                return super().dispatch_request(*args, **kwargs)
            self.caller = self._authenticate()
            self.user = self.caller.user
            self.caller.check(self.access)
            key = None if self.reads() else sent_key()
            if key is None:
                return self._located(*args, **kwargs)
            # An answer that was given is given again though what the path names is gone by now, or has another name.
            return self._once(key, lambda: self._located(*args, **kwargs))
        except DatabaseSilent:
            self._platform.database_was_silent(began)
            raise
        finally:
            if self.changes():
                self._platform.mark_changed()

    def locate(self, path: dict[str, Any]) -> None:
        """Find what the path names, and see that the caller has the declared role in its project.

        A base class whose paths name things of projects does; what it has found is taken out of `path`.
        """

    def _located(self, *args: Any, **kwargs: Any) -> ResponseReturnValue:
        self.locate(kwargs)
        return super().dispatch_request(*args, **kwargs)

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

    def parse(self, schema: type[S], strict: bool = False) -> S:
        """The parameters as a schema.

        Args:
            strict: of a JSON body, a number must not come as text.

        Raises:
            InvalidInput: with one entry in `errors` for each bad field.
        """
        # A query is text, whatever the client says of the body that a GET has not.
        return parse(schema, self.given, strict and request.is_json and request.method not in ("GET", "HEAD"))

    def token(self) -> str | None:
        """The token as sent: `api_token` among the parameters, or a bearer token."""
        with suppress(UnsupportedMediaType):  # who calls is told first; the method reads the body again
            value = self.given.get("api_token")
            if isinstance(value, str) and value:
                return value
        authorization = request.authorization
        return authorization.token if authorization and authorization.type == "bearer" else None

    def client_address(self) -> str:
        """Where the call comes from, as far as the operator's own proxies tell."""
        return client_address(self._platform.settings.trusted_proxies)

    def optional_user(self) -> User | None:
        """Who calls, on a method that works with and without a token.

        Raises:
            Unauthenticated: a token was sent and is not valid.
        """
        return self._authenticate().user if self.token() or "api_token" in self.given else None

    def project_named(self, name: str, private: bool = False) -> Project:
        """The project of this name, if the caller has the declared role in it; see `Projects.named`."""
        if self.access.role is None:
            raise TypeError(f"{request.method} {request.path} is about a project and declares no role")
        return self.of_kind(self.services.store.projects.named(name, self.user, self.access.role, private))

    def of_kind(self, project: Project, wanted: DataKind | tuple[DataKind, ...] | None = None) -> Project:
        """The project, if it holds what this is about.

        Args:
            wanted: where what was sent decides on it; None for `KIND`. Of several, the first is what messages name.

        Raises:
            Conflict: it holds data of another kind.
        """
        holds, wanted = KINDS[project.type], wanted or self.KIND
        if wanted is None:
            return project
        kinds = wanted if isinstance(wanted, tuple) else (wanted,)
        if holds in kinds:
            return project
        calls = _CALLS[holds.name].format(url=f"/api/v1/projects/{quote(project.name, safe='')}")
        raise Conflict(
            f"the project '{project.name}' is of type {project.type}: it holds {holds.noun}, and this call is about "
            f"{kinds[0].noun}: {calls}"
        )

    def _caller_of(self, token: str) -> Caller | None:
        """Whose token it is; None when it is nobody's."""
        if not self.REMEMBERS_CALLERS:
            return self._looked_up(token)
        key = ("caller", hashlib.sha256(token.encode(errors="replace")).digest())
        return self.recent.get(key, lambda: self._looked_up(token))

    def _looked_up(self, token: str) -> Caller | None:
        store = self.services.store
        found = store.tokens.find(token)
        user = store.users.get(found.user_id) if found else None
        self._platform.database_answered()
        if not user or not found:
            other = self.services.introspection
            return other.caller_of(token) if other else None
        store.tokens.note_use(found)
        return Caller(user, found)

    def _once(self, key: str, call: Callable[[], ResponseReturnValue]) -> ResponseReturnValue:
        def keyed(request_key: str) -> ResponseReturnValue:
            self.request_key = request_key
            return call()

        return once(self.services.store.idempotency, self.user, key, self.given, keyed)

    def _authenticate(self) -> Caller:
        token = self.token()
        if token is None:
            raise Unauthenticated("no token: send api_token, or the header 'Authorization: Bearer ...'")
        caller = self._caller_of(token)
        if caller is None:
            raise Unauthenticated("the token is unknown, revoked or expired: log in again")
        g.user_id = caller.user.id
        return caller
