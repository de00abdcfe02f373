"""Who calls: a user of the environment, or an account of DIYML with its password or one of its tokens."""

from __future__ import annotations

import base64

from flask import request

from api.access import Access, Caller
from api.addresses import client_address
from api.moodle.backend import Backend
from moodle.ids import SHARED
from utils import Unauthenticated, Unavailable

NO_CREDENTIALS = "No user and/or password included in the request."
WRONG_CREDENTIALS = "Incorrect user and/or password provided by Moodle."
NO_USERS = "No users are configured: set MOODLE_MLBACKEND_PYTHON_USERS to name:password and start the server again."


def owner_of_call(backend: Backend, access: Access) -> str:
    """Whose models the call is about: the text of an account's id, or `SHARED`.

    Args:
        access: what an account's token must be good for.

    Raises:
        Unauthenticated: no credentials, or wrong ones.
        InsufficientScope: the token is not meant for this.
        TooManyRequests: too many passwords were wrong.
        Unavailable: nobody may call at all.
    """
    if not backend.may_be_called:
        raise Unavailable(NO_USERS)
    name, password = _credentials()
    if not name or not password:
        raise Unauthenticated(NO_CREDENTIALS)
    if backend.users.knows(name, password):
        return SHARED
    return _account(backend, name, password, access)


def _credentials() -> tuple[str, str]:
    """User and password as sent, in UTF-8 or, as older clients do, in Latin-1; empty when there are none."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        sent = base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        return "", ""
    try:
        text = sent.decode("utf-8")
    except UnicodeDecodeError:
        text = sent.decode("latin-1")
    name, _, password = text.partition(":")
    return name, password


def _account(backend: Backend, name: str, password: str, access: Access) -> str:
    store = backend.store
    if store is None:
        raise Unauthenticated(WRONG_CREDENTIALS)
    token = store.tokens.find(password)
    user = store.users.get(token.user_id) if token else None
    if token and user and user.username == name:
        Caller(user, token).check(access)
        store.tokens.note_use(token)
        return str(user.id)
    try:
        return str(store.accounts.check(name, password, client_address(backend.settings.trusted_proxies)).id)
    except Unauthenticated:
        raise Unauthenticated(WRONG_CREDENTIALS) from None
