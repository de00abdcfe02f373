"""Logging in, tokens, and what each may be used for; passwords, and accounts that go."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from DIYML import create_app
from settings import Settings
from storage.store import Store
from storage.tokens import ALL_SCOPES
from tests.api.conftest import Pets
from tests.api.problems import assert_problem
from tests.api.v1.test_projects import make, send
from tests.conftest import PASSWORD, Caller, encoded, picture
from utils import utc_now

TOKENS = "/api/v1/tokens"
ALL = sorted(ALL_SCOPES)


def act(client: FlaskClient, token: str, method: str, path: str, **body: Any) -> TestResponse:
    given = {"query_string": body} if method == "GET" else {"json": body}
    return client.open(path, method=method, headers={"Authorization": f"Bearer {token}"}, **given)


def log_in(client: FlaskClient, password: str = PASSWORD, **more: Any) -> TestResponse:
    return client.post("/api/v1/login", json={"username": "ada", "password": password, **more})


def expires_in(moment: str) -> timedelta:
    return datetime.fromisoformat(moment) - utc_now()


def test_signing_up_logs_in(client: FlaskClient, settings: Settings):
    made = client.post("/api/v1/signup", json={"username": "ada", "password": PASSWORD})
    assert made.status_code == 201
    assert (made.json["username"], made.json["scopes"]) == ("ada", ALL)
    assert abs(expires_in(made.json["expires_at"]) - timedelta(days=settings.token_days)) < timedelta(minutes=1)
    me = act(client, made.json["token"], "GET", "/api/v1/me").json
    assert me.items() >= {"username": "ada", "scopes": ALL, "email": None}.items()
    assert expires_in(me["created_at"]) < timedelta()
    assert_problem(client.post("/api/v1/signup", json={"username": "ada", "password": PASSWORD}), 409, "taken")
    assert_problem(client.post("/api/v1/signup", json={"username": "eve", "password": "short"}), 400, "8 to 72")


def test_a_login_may_ask_for_less(client: FlaskClient, caller: Caller):
    answer = log_in(client, scopes=["read"], expires_in_days=2, name="phone")
    assert (answer.status_code, answer.json["scopes"]) == (201, ["read"])
    assert timedelta(days=1) < expires_in(answer.json["expires_at"]) <= timedelta(days=2)
    response = act(client, answer.json["token"], "POST", "/api/v1/projects", name="x", type="detection")
    assert_problem(response, 403, "not for write")
    assert_problem(act(client, answer.json["token"], "GET", TOKENS), 403, "not for account")
    assert act(client, answer.json["token"], "GET", "/api/v1/projects").status_code == 200


def test_wrong_passwords_are_counted_with_those_of_the_classic_contract(
    client: FlaskClient, caller: Caller, settings: Settings
):
    for turn in range(settings.login_attempts):
        path = "/auth" if turn % 2 else "/api/v1/login"
        assert_problem(client.post(path, json={"username": "ada", "password": "wrong one"}), 401)
    assert_problem(log_in(client), 429, "wait")


def test_logging_out_ends_the_token_and_no_other(client: FlaskClient, caller: Caller):
    token = log_in(client).json["token"]
    assert act(client, token, "DELETE", "/api/v1/login").status_code == 204
    assert_problem(act(client, token, "GET", "/api/v1/me"), 401)
    assert send(caller, "GET", "/api/v1/me").status_code == 200


def test_a_token_is_shown_once_listed_and_revoked(client: FlaskClient, caller: Caller, other: Caller):
    made = send(caller, "POST", TOKENS, name="script", scopes=["read", "infer"], expires_in_days=3)
    assert made.status_code == 201
    text, id = made.json["token"], made.json["id"]
    assert made.headers["Location"] == f"{TOKENS}/{id}"
    listed = send(caller, "GET", TOKENS).json["items"]
    assert [(item["name"], item["scopes"], item["current"]) for item in listed] == [
        ("script", ["infer", "read"], False),
        ("", ALL, True),
    ]
    assert "token" not in listed[0]
    assert text not in json.dumps(listed)
    assert_problem(send(other, "DELETE", f"{TOKENS}/{id}"), 404)
    assert act(client, text, "GET", "/api/v1/projects").status_code == 200
    assert send(caller, "DELETE", f"{TOKENS}/{id}").status_code == 204
    assert_problem(act(client, text, "GET", "/api/v1/projects"), 401)
    assert_problem(send(caller, "DELETE", f"{TOKENS}/{id}"), 404)


def test_a_token_that_is_asked_for_twice_under_one_key_is_made_once(client: FlaskClient, caller: Caller):
    headers = {"Authorization": f"Bearer {caller.token}", "Idempotency-Key": "k"}
    wish = {"name": "x", "scopes": ["read"]}
    assert client.post(TOKENS, json=wish, headers=headers).status_code == 201
    assert_problem(client.post(TOKENS, json=wish, headers=headers), 409, "was carried out")
    assert len(send(caller, "GET", TOKENS).json["items"]) == 2


def test_a_token_makes_none_that_may_more(client: FlaskClient, caller: Caller):
    token = log_in(client, scopes=["account", "read"]).json["token"]
    assert_problem(act(client, token, "POST", TOKENS, name="x", scopes=["read", "write"]), 403, "not for write")
    assert act(client, token, "POST", TOKENS, name="x", scopes=["read"]).status_code == 201


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"scopes": ["read"]}, "name"),
        ({"name": "x"}, "scopes"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["fly"]}, "scopes"),
        ({"name": "x", "scopes": ["read"], "expires_in_days": 0}, "expires_in_days"),
        ({"name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}, "in the future"),
        ({"name": "x", "scopes": ["read"], "expires_at": "2026-01-01T00:00:00"}, "expires_at"),
        ({"name": "x", "scopes": ["read"], "expires_in_days": 1, "expires_at": "2099-01-01T00:00:00Z"}, "not both"),
    ],
)
def test_an_unusable_wish_for_a_token_is_400(caller: Caller, body: dict[str, Any], words: str):
    assert_problem(send(caller, "POST", TOKENS, **body), 400, words)
    assert len(send(caller, "GET", TOKENS).json["items"]) == 1


def test_a_token_expires_when_it_was_asked_to(caller: Caller):
    moment = (utc_now() + timedelta(hours=1)).isoformat()
    made = send(caller, "POST", TOKENS, name="x", scopes=["read"], expires_at=moment).json
    assert timedelta(minutes=59) < expires_in(made["expires_at"]) <= timedelta(hours=1)


def test_use_is_noted_once_a_minute_whatever_the_call(client: FlaskClient, caller: Caller, store: Store):
    made = send(caller, "POST", TOKENS, name="x", scopes=["read", "infer"]).json

    def last_used() -> Any:
        return next(i["last_used_at"] for i in send(caller, "GET", TOKENS).json["items"] if i["id"] == made["id"])

    assert last_used() is None
    act(client, made["token"], "POST", "/api/v1/published/nothing/predict", image=encoded(picture()))
    first = last_used()
    assert first is not None
    act(client, made["token"], "GET", "/api/v1/projects")
    assert last_used() == first
    earlier = utc_now() - timedelta(minutes=2)
    store.database["tokens"].update_many({}, {"$set": {"last_used_at": earlier}})
    act(client, made["token"], "GET", "/api/v1/projects")
    assert last_used() > earlier.isoformat()


def test_a_new_password_ends_every_other_token(client: FlaskClient, caller: Caller):
    elsewhere = log_in(client).json["token"]
    change = {"old_password": PASSWORD, "new_password": "battery staple"}
    wrong = send(caller, "POST", "/api/v1/me/password", **change | {"old_password": "not this"})
    assert_problem(wrong, 401)
    assert act(client, elsewhere, "GET", "/api/v1/me").status_code == 200
    assert send(caller, "POST", "/api/v1/me/password", **change).status_code == 204
    assert_problem(act(client, elsewhere, "GET", "/api/v1/me"), 401)
    assert send(caller, "GET", "/api/v1/me").status_code == 200
    assert_problem(log_in(client), 401)
    assert log_in(client, "battery staple").status_code == 201


def test_tokens_stay_over_a_new_password_when_that_is_wanted(client: FlaskClient, caller: Caller):
    elsewhere = log_in(client).json["token"]
    change = {"old_password": PASSWORD, "new_password": "battery staple", "keep_tokens": True}
    assert send(caller, "POST", "/api/v1/me/password", **change).status_code == 204
    assert act(client, elsewhere, "GET", "/api/v1/me").status_code == 200


def test_an_account_goes_with_its_password_only(client: FlaskClient, caller: Caller, pets: Pets, store: Store):
    assert_problem(act(client, caller.token, "DELETE", "/api/v1/me", password="not this"), 401)
    assert act(client, caller.token, "DELETE", "/api/v1/me", password=PASSWORD).status_code == 204
    for name in ("users", "tokens", "projects", "images"):
        assert store.database[name].count_documents({}) == 0


def test_accounts_made_from_one_address_are_bounded_in_both_contracts(settings: Settings, store: Store):
    app = create_app(dataclasses.replace(settings, signups_per_address=2))
    try:
        client = app.test_client()

        def sign_up(path: str, method: str, name: str, address: str = "10.0.0.1") -> TestResponse:
            body = {"username": name, "password": PASSWORD}
            return client.open(path, method=method, json=body, environ_overrides={"REMOTE_ADDR": address})

        assert sign_up("/auth", "PUT", "one").status_code == 200
        assert_problem(sign_up("/auth", "PUT", "one"), 409)  # counts for nothing
        assert sign_up("/api/v1/signup", "POST", "two").status_code == 201
        for path, method in (("/auth", "PUT"), ("/api/v1/signup", "POST")):
            refused = sign_up(path, method, "three")
            assert_problem(refused, 429, "from this address")
            assert 0 < int(refused.headers["Retry-After"]) <= 3600
        assert store.users.find("three") is None
        assert sign_up("/auth", "PUT", "three", "10.0.0.2").status_code == 200
    finally:
        app.extensions["diyml"].services.store.close()


def test_everything_kept_of_an_account_can_be_taken_away(caller: Caller, other: Caller, pets: Pets, store: Store):
    make(other, "theirs")
    send(other, "PUT", "/api/v1/projects/theirs/members/ada", role="viewer")
    response = send(caller, "GET", "/api/v1/me/export")
    assert response.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    assert json.loads(files["account.json"])["username"] == "ada"
    assert json.loads(files["memberships.json"]) == [{"project": "theirs", "type": "classification", "role": "viewer"}]
    assert [token["scopes"] for token in json.loads(files["tokens.json"])] == [ALL]
    assert json.loads(files["projects/pets/project.json"])["classes"] == {"0": "cat", "1": "dog"}
    assert files["projects/pets/images/one.png"] == picture(seed=1)
    assert json.loads(files["projects/pets/annotations/one.png.json"])["annotations"][0]["class"] == "cat"
    assert json.loads(files[f"projects/pets/jobs/{pets.job.id}.json"])["state"] == "queued"
    assert json.loads(files["projects/pets/models/1.json"])["card"]["classes"] == ["cat", "dog"]
    everything = b"".join(files.values()).decode("latin-1")
    assert caller.token not in everything
    assert "digest" not in everything
    assert not {secret for secret in pets.webhook.secrets if secret in everything}
