"""More people log in at once than the server hashes: each gets in or is told when to come back; nobody else waits."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from DIYML import create_app
from settings import Settings
from storage.store import Store
from tests.api.problems import assert_problem
from tests.conftest import PASSWORD, Caller

CROWD, TRIES = 24, 8


@pytest.fixture
def slow_app(settings: Settings, store: Store) -> Iterator[Flask]:
    """A web process whose hashes take their time."""
    app = create_app(dataclasses.replace(settings, bcrypt_rounds=10, login_attempts=TRIES, web_threads=2 * TRIES))
    yield app
    app.extensions["diyml"].services.store.close()


def test_a_crowd_that_logs_in_is_served_or_told_to_come_back_and_no_try_is_lost(
    slow_app: Flask, store: Store, settings: Settings
):
    caller = Caller(slow_app.test_client(), "ada")

    def log_in(password: str = PASSWORD) -> TestResponse:
        return slow_app.test_client().post("/auth", json={"username": "ada", "password": password})

    def ask() -> float:
        began = time.monotonic()
        assert caller._client.get("/auth?username=ada").json is True
        return time.monotonic() - began

    with ThreadPoolExecutor(CROWD) as pool:
        sent = [pool.submit(log_in) for _ in range(CROWD)]
        others = [ask() for _ in range(10)]
        answers = [answer.result() for answer in sent]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert 0 < len(refused) < CROWD
    for answer in refused:
        assert_problem(answer, 503, "too many people log in")
        assert int(answer.headers["Retry-After"]) > 0
    assert max(others) < 2
    # Neither those that were refused nor those that got in have used up a try.
    assert [log_in("wrong password").status_code for _ in range(TRIES + 1)] == [401] * TRIES + [429]


def test_people_who_sign_up_need_a_place_as_well_and_nothing_is_left_of_a_refusal(slow_app: Flask, store: Store):
    def sign_up(number: int) -> int:
        body = {"username": f"user {number}", "password": PASSWORD}
        return slow_app.test_client().put("/auth", json=body).status_code

    with ThreadPoolExecutor(CROWD) as pool:
        statuses = list(pool.map(sign_up, range(CROWD)))
    assert set(statuses) == {200, 503}
    assert store.database["users"].count_documents({}) == statuses.count(200)
    assert sign_up(statuses.index(503)) == 200
