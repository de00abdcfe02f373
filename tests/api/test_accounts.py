"""Accounts: what is stored of them, what goes with them, and how often a password may be guessed."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from typing import Any

import bcrypt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from DIYML import create_app
from settings import Settings
from storage.store import Store
from tests.api.conftest import trained
from tests.api.problems import assert_problem
from tests.conftest import PASSWORD, Caller, picture

WRONG = "wrong password"


@pytest.fixture
def second_app(settings: Settings, store: Store) -> Iterator[Flask]:
    """Another web process on the same database, as far as the database sees it."""
    app = create_app(dataclasses.replace(settings))
    yield app
    app.extensions["diyml"].services.store.close()


def _log_in(client: FlaskClient, username: str = "ada", password: str = WRONG, address: str = "10.0.0.1") -> Any:
    body = {"username": username, "password": password}
    return client.post("/auth", json=body, environ_overrides={"REMOTE_ADDR": address})


def _fill(caller: Caller, store: Store, name: str) -> None:
    """A project with images, a replaced image, an ended and a queued job, a model and inferences."""
    caller.project(name, classes="cat|dog")
    for seed in range(3):
        assert caller.place(name, f"{seed % 2}", "cat", picture(seed=seed)).status_code == 200
    user = store.users.find(caller.username)
    assert user
    project = store.projects.named(name, user)
    job = store.jobs.create(project, {}, 1)
    trained(store, project, job)
    store.jobs.cancel(job.id)
    store.jobs.create(project, {}, 1)
    store.inferences.create(project.id, user.id, [])


def _counts(store: Store) -> dict[str, int]:
    names = sorted(set(store.database.list_collection_names()) - {"throttles"})
    return {name: store.database[name].count_documents({}) for name in names}


def test_deleting_an_account_deletes_all_it_owns_and_nothing_else(caller: Caller, other: Caller, store: Store):
    _fill(other, store, "hers")
    grace = store.users.find("grace")
    hers = _counts(store)
    assert grace
    ids = {name: [row["_id"] for row in store.database[name].find()] for name in hers}
    _fill(caller, store, "mine")
    _fill(caller, store, "mine too")
    ada = store.users.find("ada")
    assert ada
    store.inferences.create(store.projects.named("hers", grace).id, ada.id, [])
    store.inferences.create(store.projects.named("mine", ada).id, grace.id, [])
    assert caller.call("PATCH", "/auth", username="ada", password=PASSWORD).status_code == 200
    assert _counts(store) == {**hers, "users": 1, "tokens": 1}
    for name, kept in ids.items():
        gone = {row["_id"] for row in store.database[name].find()} ^ set(kept)
        assert not gone or name in ("users", "tokens"), name
    assert other.call("POST", "/upload/project", project_name="hers").status_code == 200


def test_no_password_and_no_token_is_stored_as_it_is(caller: Caller, store: Store):
    everything = "".join(str(list(store.database[name].find())) for name in store.database.list_collection_names())
    assert PASSWORD not in everything
    assert caller.token not in everything
    assert caller.token[:20] not in everything
    row = store.database["users"].find_one()
    assert row
    assert bcrypt.checkpw(PASSWORD.encode(), row["password_hash"])


def test_tokens_are_long_random_and_all_different(client: FlaskClient, caller: Caller):
    tokens = {_log_in(client, password=PASSWORD).json["api_token"] for _ in range(9)} | {caller.token}
    assert len(tokens) == 10
    assert all(len(token) == 43 for token in tokens)


def test_tokens_live_as_many_days_as_the_operator_says(caller: Caller, store: Store, settings: Settings):
    row = store.database["tokens"].find_one()
    assert row
    assert (row["expires_at"] - row["created_at"]).days == settings.token_days == 90


@pytest.mark.parametrize("password", ["x" * 72 + "y", "x" * 73, "x" * 100_000])
def test_a_password_whose_first_72_bytes_are_right_is_wrong(client: FlaskClient, password: str):
    assert client.put("/auth", json={"username": "ada", "password": "x" * 72}).status_code == 200
    assert_problem(_log_in(client, password=password), 401)
    assert _log_in(client, password="x" * 72).status_code == 200


@pytest.mark.parametrize(
    ("username", "password"), [("ada", WRONG), ("nobody", WRONG), ("ada", "x" * 73), ("nobody", "x" * 73)]
)
def test_a_wrong_name_costs_the_same_hashing_as_a_wrong_password(
    client: FlaskClient, caller: Caller, monkeypatch: pytest.MonkeyPatch, username: str, password: str
):
    rounds: list[bytes] = []
    check = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda given, stored: rounds.append(stored[:7]) or check(given, stored))
    assert_problem(_log_in(client, username, password), 401)
    assert rounds == [b"$2b$04$"]


def test_too_many_wrong_passwords_are_429_until_the_window_ends(
    client: FlaskClient, caller: Caller, settings: Settings
):
    for _ in range(settings.login_attempts):
        assert_problem(_log_in(client), 401)
    for password in (WRONG, PASSWORD):
        response = _log_in(client, password=password)
        assert_problem(response, 429, "wait")
        assert 0 < int(response.headers["Retry-After"]) <= settings.login_window_seconds


def test_unknown_names_are_counted_as_well(client: FlaskClient, settings: Settings):
    statuses = [_log_in(client, "nobody").status_code for _ in range(settings.login_attempts + 1)]
    assert statuses == [401] * settings.login_attempts + [429]


def test_guessing_with_the_deletion_of_the_account_is_counted_as_well(caller: Caller, settings: Settings):
    statuses = [
        caller.call("PATCH", "/auth", username="ada", password=WRONG).status_code
        for _ in range(settings.login_attempts + 1)
    ]
    assert statuses == [401] * settings.login_attempts + [429]


def test_web_processes_count_together(client: FlaskClient, second_app: Flask, caller: Caller, settings: Settings):
    clients = [client, second_app.test_client()]
    statuses = [_log_in(clients[turn % 2]).status_code for turn in range(settings.login_attempts + 2)]
    assert statuses == [401] * settings.login_attempts + [429] * 2


def test_other_names_and_other_addresses_are_not_affected(
    client: FlaskClient, caller: Caller, other: Caller, settings: Settings
):
    for _ in range(settings.login_attempts + 1):
        _log_in(client)
    assert _log_in(client, "grace", PASSWORD).status_code == 200
    assert _log_in(client, password=PASSWORD, address="10.0.0.2").status_code == 200
    assert _log_in(client, password=PASSWORD).status_code == 429


def test_right_passwords_use_up_no_tries(client: FlaskClient, caller: Caller, settings: Settings):
    for _ in range(settings.login_attempts - 1):
        _log_in(client)
    for _ in range(settings.login_attempts + 5):
        assert _log_in(client, password=PASSWORD).status_code == 200
    assert _log_in(client).status_code == 401
    assert _log_in(client, password=PASSWORD).status_code == 429


def test_one_address_may_not_try_many_names(settings: Settings, store: Store, caller: Caller):
    app = create_app(dataclasses.replace(settings, login_attempts_per_address=5))
    try:
        client = app.test_client()
        statuses = [_log_in(client, f"user {number}").status_code for number in range(6)]
        assert statuses == [401] * 5 + [429]
        assert _log_in(client, password=PASSWORD, address="10.0.0.2").status_code == 200
    finally:
        app.extensions["diyml"].services.store.close()


@pytest.mark.parametrize(
    ("proxies", "forwarded", "blocked"), [(0, "1.2.3.4", True), (1, "1.2.3.4", False), (1, "10.9.9.9, 1.2.3.4", False)]
)
def test_a_forwarded_address_counts_only_behind_the_operators_own_proxies(
    settings: Settings, store: Store, caller: Caller, proxies: int, forwarded: str, blocked: bool
):
    app = create_app(dataclasses.replace(settings, trusted_proxies=proxies))
    try:
        client = app.test_client()
        for number in range(settings.login_attempts + 1):
            client.post(
                "/auth", json={"username": "ada", "password": WRONG}, headers={"X-Forwarded-For": f"5.6.7.{number}"}
            )
        body = {"username": "ada", "password": PASSWORD}
        status = client.post("/auth", json=body, headers={"X-Forwarded-For": forwarded}).status_code
        assert status == (429 if blocked else 200)
    finally:
        app.extensions["diyml"].services.store.close()


def test_what_counts_tries_names_nobody(client: FlaskClient, caller: Caller, store: Store):
    _log_in(client, "x" * 1000)
    _log_in(client)
    rows = list(store.database["throttles"].find())
    assert len(rows) == 4  # one is of the sign-up
    assert {len(row["_id"]) for row in rows} == {64}


def test_an_image_of_a_deleted_account_is_not_stored_any_more(caller: Caller, store: Store):
    caller.project("mine", classes="cat")
    caller.place("mine", "a", "cat")
    file = store.artifacts.put(io.BytesIO(b"of nobody"), "left over")
    caller.call("PATCH", "/auth", username="ada", password=PASSWORD)
    assert store.database["images.files"].count_documents({}) == 0
    assert store.database["images.chunks"].count_documents({}) == 0
    assert store.artifacts.read(file.id) == b"of nobody"
