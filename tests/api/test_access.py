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
from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import IMPORT, IMPORTS, REQUESTS, WEBHOOKS, assert_problem, fill
from tests.conftest import Caller
from utils import utc_now

METHODS = [(method, route.path, access) for route in ROUTES for method, access in route.access.items()]
GUARDED = [(method, path) for method, path, access in METHODS if not access.is_public]
# What another user's valid token gets for the owner's request.
ANOTHERS = {
    ("PATCH", "/auth"): 403,
    ("POST", "/upload/project"): 404,
    ("PUT", "/upload/project"): 200,
    ("PATCH", "/upload/project"): 403,
    ("PUT", "/upload/data_point"): 403,
    ("POST", "/upload/data_point"): 403,
    ("PATCH", "/upload/data_point"): 403,
    ("PUT", "/upload/class_info"): 403,
    ("POST", "/upload/class_info"): 403,
    ("PATCH", "/upload/class_info"): 403,
    ("POST", "/data_analysis"): 403,
    ("PUT", "/train"): 403,
    ("PUT", "/publish"): 403,
    ("POST", "/inference"): 404,
    ("POST", "/api/v1/published/<project>/predict"): 404,
    ("GET", "/api/v1/jobs"): 200,
    ("POST", "/api/v1/jobs"): 404,
    ("GET", "/api/v1/jobs/<job_id>"): 404,
    ("GET", "/api/v1/jobs/<job_id>/log"): 404,
    ("GET", "/api/v1/jobs/<job_id>/metrics"): 404,
    ("GET", "/api/v1/jobs/<job_id>/artifacts"): 404,
    ("GET", "/api/v1/jobs/<job_id>/events"): 404,
    ("POST", "/api/v1/jobs/<job_id>/cancel"): 404,
    ("GET", "/api/v1/jobs/<job_id>/record"): 404,
    ("GET", "/api/v1/jobs/<job_id>/record/dataset"): 404,
    ("POST", "/api/v1/jobs/<job_id>/repeat"): 404,
    ("GET", "/api/v1/devices"): 200,
    ("POST", "/api/v1/jobs/<job_id>/stop"): 404,
    ("GET", "/api/v1/models/<model_id>"): 404,
    ("GET", "/api/v1/models/<model_id>/files/<name>"): 404,
    ("GET", "/api/v1/models/<model_id>/usage"): 404,
    ("POST", "/api/v1/models/<model_id>/quantize"): 404,
    ("POST", "/api/v1/models/<model_id>/serve"): 404,
    **{(method, path): 404 for method, path in REQUESTS if path.startswith(WEBHOOKS)},
    **{(method, path): 404 for method, path in REQUESTS if path.startswith((IMPORTS, IMPORT)) and method != "OPTIONS"},
    ("GET", "/api/v1/me"): 200,
    ("PATCH", "/api/v1/me"): 200,
    ("POST", "/api/v1/me/email/confirm"): 400,
}


QUEUED = [("POST", "/test"), ("POST", "/deliveries/<delivery_id>/retry")]


def _send(client: FlaskClient, pets: Pets, method: str, path: str, token: str | None):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    body = {"query_string": REQUESTS[method, path]} if method == "GET" else {"json": REQUESTS[method, path]}
    return client.open(fill(path, **pets.ids), method=method, headers=headers, **body)


def test_every_method_of_every_route_has_a_request_here():
    assert set(REQUESTS) == {(method, path) for method, path, _ in METHODS}
    assert set(ANOTHERS) == set(GUARDED)


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_a_valid_token_it_is_401_and_nothing_happens(
    client: FlaskClient, caller: Caller, pets: Pets, store: Store, method: str, path: str
):
    user = store.users.find("ada")
    assert user
    revoked, expired = store.tokens.create(user.id), store.tokens.create(user.id)
    store.tokens.revoke(revoked)
    past = {"$set": {"expires_at": utc_now() - timedelta(seconds=1)}}
    store.database["tokens"].find_one_and_update({}, past, sort=[("_id", -1)])
    before = _contents(store)
    for token in (None, "unknown", caller.token[:-1], caller.token + "x", revoked, expired):
        response = _send(client, pets, method, path, token)
        assert_problem(response, 401)
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert _contents(store) == before


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_with_another_users_token_it_is_refused_and_nothing_happens(
    client: FlaskClient, other: Caller, pets: Pets, store: Store, method: str, path: str
):
    before, expected = _contents(store), ANOTHERS[method, path]
    response = _send(client, pets, method, path, other.token)
    if expected == 200:
        assert response.status_code == 200
    else:
        assert_problem(response, expected)
        assert _contents(store) == before


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_with_the_owners_token_it_is_not_refused(
    client: FlaskClient, caller: Caller, pets: Pets, method: str, path: str
):
    status = _send(client, pets, method, path, caller.token).status_code
    expected = {
        ("PUT", "/train"): 409,
        ("POST", "/api/v1/jobs"): 409,
        ("POST", "/api/v1/jobs/<job_id>/stop"): 409,
        ("POST", "/inference"): 404,
        ("POST", "/api/v1/published/<project>/predict"): 404,
        ("GET", "/api/v1/jobs/<job_id>/record/dataset"): 404,
        ("POST", "/api/v1/jobs/<job_id>/repeat"): 409,
        ("POST", "/api/v1/models/<model_id>/quantize"): 409,
        ("POST", "/api/v1/models/<model_id>/serve"): 409,
        ("POST", WEBHOOKS): 201,
        ("POST", "/api/v1/me/email/confirm"): 400,
        ("POST", IMPORTS): 201,
        ("DELETE", IMPORT): 204,
        ("PATCH", f"{IMPORT}/data"): 415,
        ("DELETE", f"{IMPORT}/data"): 204,
        ("GET", f"{IMPORT}/report"): 409,
        ("POST", f"{IMPORT}/retry"): 409,
    }
    expected |= {(method, f"{WEBHOOKS}/<webhook_id>{rest}"): 202 for method, rest in QUEUED}
    assert status == expected.get((method, path), 200)


@pytest.mark.parametrize(("method", "path"), [(m, p) for m, p, access in METHODS if access.is_public])
def test_a_public_method_needs_no_token(client: FlaskClient, pets: Pets, method: str, path: str):
    without_a_worker = {"/inference": 404, "/ready": 503, IMPORTS: 204}
    assert _send(client, pets, method, path, None).status_code == without_a_worker.get(path, 200)


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
    return {name: list(store.database[name].find().sort("_id", 1)) for name in left}
