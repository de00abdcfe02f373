"""Who may call what: every method of every route, with every kind of token that must not do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

import api.routes
from api.access import PUBLIC, READ, Access
from api.errors import ProblemApi
from api.platform import Platform
from api.resource import PlatformResource
from api.routes import ROUTES, Route, add_routes
from settings import Settings
from storage.roles import Role
from storage.store import Store
from storage.tokens import ALL_SCOPES, Scope
from tests.api.conftest import Pets
from tests.api.problems import (
    IMPORT,
    PREDICTING,
    PREDICTION_JOB,
    PROJECT,
    REQUESTS,
    STREAM,
    TABLE,
    assert_problem,
    fill,
    sent,
)
from tests.conftest import Caller
from utils import utc_now

METHODS = [(method, route.path, access) for route in ROUTES for method, access in route.access.items()]
GUARDED = [(method, path) for method, path, access in METHODS if not access.is_public]
ACCESS = {(method, path): access for method, path, access in METHODS}
V1 = "/api/v1"
# What whoever may call gets for the request that stands in `REQUESTS`, where it is not what the operation declares.
ALLOWED = {
    ("PUT", "/train"): 409,
    ("POST", "/inference"): 404,
    ("POST", f"{V1}/jobs"): 409,
    ("POST", f"{V1}/jobs/<job_id>/stop"): 409,
    ("GET", f"{V1}/jobs/<job_id>/record/dataset"): 404,
    ("GET", f"{V1}/jobs/<job_id>/validation"): 404,
    ("POST", f"{V1}/jobs/<job_id>/repeat"): 409,
    ("POST", f"{V1}/models/<model_id>/quantize"): 409,
    ("POST", f"{V1}/models/<model_id>/serve"): 409,
    ("POST", f"{V1}/published/<project>/predict"): 404,
    ("POST", f"{V1}/published/<project>/predict-csv"): 404,
    ("POST", PREDICTING): 404,
    # There is none of the caller's.
    **{(method, path): 404 for method, path, _ in METHODS if path.startswith(PREDICTION_JOB)},
    ("POST", f"{V1}/published/<project>/figures"): 404,
    ("GET", f"{V1}/models/<model_id>/figures"): 409,
    ("GET", f"{V1}/models/<model_id>/figures/<name>"): 409,
    ("POST", f"{V1}/me/email/confirm"): 400,
    ("PATCH", f"{IMPORT}/data"): 415,
    ("GET", f"{IMPORT}/report"): 409,
    ("POST", f"{IMPORT}/retry"): 409,
    ("POST", f"{PROJECT}/transfer"): 409,
    ("DELETE", f"{PROJECT}/members/<username>"): 404,
    ("DELETE", f"{V1}/tokens/<token_id>"): 404,
    ("DELETE", f"{V1}/models/<model_id>"): 409,
    ("GET", f"{V1}/catalogue/<project>"): 404,
    ("GET", f"{V1}/catalogue/<project>/example"): 404,
    ("POST", f"{V1}/capsules"): 415,
    ("POST", f"{PROJECT}/jobs"): 409,
    ("POST", f"{PROJECT}/models/load"): 409,
    ("POST", f"{PROJECT}/experiments"): 409,
    ("GET", f"{V1}/jobs/<job_id>/experiment"): 404,
    ("POST", f"{PROJECT}/promote"): 409,
    ("POST", f"{PROJECT}/rollback"): 409,
    # The project holds images.
    **{(method, TABLE): 409 for method in ("GET", "PATCH", "DELETE")},
    # None of its webhooks wants alerts.
    ("POST", f"{PROJECT}/alerts/<rule_id>/test"): 409,
    ("GET", f"{TABLE}/rows"): 409,
    ("GET", f"{TABLE}/file"): 409,
    **{(method, path): 409 for method, path in REQUESTS if path.startswith(STREAM)},
    ("POST", f"{PROJECT}/rows"): 409,
}
# Whoever is a member may leave; who is none cannot be taken out.
LEAVING = ("DELETE", f"{PROJECT}/members/<username>")
# The classic contract tells others that a project exists, but for these.
HIDDEN = {("POST", "/upload/project")}
# Lists of the caller's own, and what is about a project only when the parameters say so.
OWN = {("GET", f"{V1}/jobs")}
# Asks for the caller's own password, so that nobody else's token does.
PERSONAL = {("PATCH", "/auth"): 403}


def _send(client: FlaskClient, pets: Pets, method: str, path: str, token: str | None):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return client.open(fill(path, **pets.ids), method=method, headers=headers, **sent(method, path))


def _allowed(method: str, path: str) -> int:
    """The status for whoever may call."""
    resource = next(route.resource for route in ROUTES if route.path == path)
    declared = getattr(getattr(resource, method.lower()), "operation", None)
    return ALLOWED.get((method, path), declared.status if declared else 200)


def _with_role(method: str, path: str, role: Role | None) -> int:
    """The status for somebody who has this role in `pets`, or none."""
    needed = ACCESS[method, path].role
    if (method, path) == LEAVING and role:
        return 204
    if (method, path) in PERSONAL:
        return PERSONAL[method, path]
    if needed is None or (method, path) in OWN or (role and role.covers(needed)):
        return _allowed(method, path)
    return 404 if role is None and (path.startswith(V1) or (method, path) in HIDDEN) else 403


READING, REFUSED = ("GET", "HEAD"), (403, 404)
# The lowest role that may, and the owner, who may everything.
ALLOWED_ROWS = [
    (role, method, path)
    for method, path in GUARDED
    for role in (
        next((r for r in (Role.VIEWER, Role.EDITOR) if _with_role(method, path, r) not in REFUSED), None),
        Role.OWNER,
    )
    if role
]


def test_every_method_of_every_route_has_a_request_here():
    assert set(REQUESTS) == {(method, path) for method, path, _ in METHODS}


def _grant(store: Store, pets: Pets, role: Role | None) -> None:
    """Let grace have a role in `pets`, or none."""
    grace = store.users.find("grace")
    assert grace
    members = [{"user_id": grace.id, "role": role.value}] if role else []
    store.database["projects"].update_one({"_id": pets.project.id}, {"$set": {"members": members}})


# What is refused changes nothing, so one project is enough to be refused everything in.
def test_without_a_valid_token_it_is_401_and_nothing_happens(
    client: FlaskClient, caller: Caller, pets: Pets, store: Store
):
    user = store.users.find("ada")
    assert user
    revoked, expired = store.tokens.create(user.id), store.tokens.create(user.id)
    store.tokens.revoke(revoked)
    past = {"$set": {"expires_at": utc_now() - timedelta(seconds=1)}}
    store.database["tokens"].find_one_and_update({}, past, sort=[("_id", -1)])
    before = _contents(store)
    for method, path in GUARDED:
        for token in (None, "unknown", caller.token[:-1], caller.token + "x", revoked, expired):
            response = _send(client, pets, method, path, token)
            assert_problem(response, 401)
            assert response.headers["WWW-Authenticate"] == "Bearer"
        assert _contents(store) == before, (method, path)


@pytest.mark.parametrize("scope", Scope)
def test_a_token_for_everything_else_is_refused_and_nothing_happens(
    client: FlaskClient, caller: Caller, pets: Pets, store: Store, scope: Scope
):
    user = store.users.find("ada")
    assert user
    token = store.tokens.create(user.id, ALL_SCOPES - {scope})
    before = _contents(store)
    for method, path in (row for row in GUARDED if ACCESS[row].scope is scope):
        response = _send(client, pets, method, path, token)
        assert_problem(response, 403, f"not for {scope.value}")
        if method != "HEAD":
            assert response.json["type"] == "urn:diyml:problem:insufficient_scope"
        assert _contents(store) == before, (method, path)


@pytest.mark.parametrize("role", [None, Role.VIEWER, Role.EDITOR], ids=lambda role: role or "none")
def test_with_too_low_a_role_it_is_refused_and_nothing_happens(
    client: FlaskClient, other: Caller, pets: Pets, store: Store, role: Role | None
):
    _grant(store, pets, role)
    before = _contents(store)
    for method, path in GUARDED:
        if (expected := _with_role(method, path, role)) in REFUSED:
            response = _send(client, pets, method, path, other.token)
            assert_problem(response, expected)
            assert _contents(store) == before, (method, path)


@pytest.mark.parametrize(("role", "method", "path"), [row for row in ALLOWED_ROWS if row[1] not in READING])
def test_with_the_role_that_the_route_declares_it_is_done(
    client: FlaskClient, caller: Caller, other: Caller, pets: Pets, store: Store, role: Role, method: str, path: str
):
    _see_done(client, caller, other, pets, store, role, method, path)


def test_with_the_role_that_the_route_declares_it_is_read(
    client: FlaskClient, caller: Caller, other: Caller, pets: Pets, store: Store
):
    for role, method, path in ALLOWED_ROWS:
        if method in READING:
            _see_done(client, caller, other, pets, store, role, method, path)


def _see_done(
    client: FlaskClient, caller: Caller, other: Caller, pets: Pets, store: Store, role: Role, method: str, path: str
) -> None:
    owner = role is Role.OWNER
    _grant(store, pets, None if owner else role)
    response = _send(client, pets, method, path, (caller if owner else other).token)
    expected = _allowed(method, path) if owner else _with_role(method, path, role)
    assert response.status_code == expected, (method, path, response.text)


@pytest.mark.parametrize(("method", "path"), [(m, p) for m, p, access in METHODS if access.is_public])
def test_a_public_method_needs_no_token(client: FlaskClient, pets: Pets, method: str, path: str):
    without_a_worker = {"/inference": 404, "/ready": 503, "/api/docs/<name>": 404}
    assert _send(client, pets, method, path, None).status_code == without_a_worker.get(path, _allowed(method, path))


def test_a_token_of_a_deleted_account_is_401(client: FlaskClient, caller: Caller, pets: Pets, store: Store):
    user = store.users.find("ada")
    assert user
    store.users.delete(user.id)
    assert_problem(_send(client, pets, "POST", "/upload/project", caller.token), 401)


@pytest.mark.parametrize("access", [{}, {"GET": PUBLIC, "PUT": READ}])
def test_a_route_that_does_not_say_who_may_call_it_does_not_start(
    access: dict[str, Access], monkeypatch: pytest.MonkeyPatch
):
    class Thing(PlatformResource):
        def get(self) -> str:
            return ""

    monkeypatch.setattr(api.routes, "ROUTES", (*ROUTES, Route("/thing", Thing, access)))
    with pytest.raises(TypeError, match="/thing: access must be declared for exactly"):
        add_routes(ProblemApi(Flask("test")), Platform(Settings, lambda settings: settings))


def _contents(store: Store) -> dict[str, object]:
    left = (name for name in store.database.list_collection_names() if name not in ("throttles", "images.chunks"))
    # What has expired MongoDB removes by itself, and that a token was used is noted whatever comes of it.
    alive = {"$or": [{"expires_at": {"$exists": False}}, {"expires_at": {"$gt": utc_now()}}]}
    return {name: list(store.database[name].find(alive, {"last_used_at": 0}).sort("_id", 1)) for name in left}
