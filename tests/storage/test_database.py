"""A database that does not answer, and errors that must not leave the storage."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bson import ObjectId
from flask.testing import FlaskClient
from pymongo.errors import OperationFailure, PyMongoError

from DIYML import create_app
from settings import Settings
from storage.database import shielded, unhurried
from storage.store import Store
from storage.users import User
from tests.api.problems import assert_problem
from utils import DatabaseSilent, InvalidInput, NotFound, Unavailable

PATIENCE_SECONDS = 5


@pytest.fixture(scope="module")
def nowhere() -> Iterator[Settings]:
    """Settings with the address of a port that is taken and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield Settings(mongo_uri=f"mongodb://127.0.0.1:{taken.getsockname()[1]}", bcrypt_rounds=4)


@pytest.fixture(scope="module")
def lost(nowhere: Settings) -> Iterator[Store]:
    """A store whose database does not answer."""
    store = Store(nowhere)
    yield store
    store.close()


def log_in(store: Store) -> None:
    with store.passwords.place() as place:
        store.users.authenticate("ada", b"password", place)


def test_every_collection_says_that_the_database_does_not_answer(lost: Store):
    some, user = ObjectId(), User(ObjectId(), "ada")
    calls: list[Any] = [
        lambda: lost.prepare(), lambda: lost.users.find("ada"), lambda: log_in(lost),
        lambda: lost.users.create("ada", b"password"), lambda: lost.tokens.find("x"),
        lambda: lost.throttles.charge("x", 1), lambda: lost.projects.create(user, "a", "detection"),
        lambda: lost.projects.list_owned(user), lambda: lost.images.get(some, "a"),
        lambda: list(lost.images.list_all(some)), lambda: lost.jobs.get(some), lambda: lost.models.get(some),
        lambda: lost.inferences.get("x"), lambda: lost.image_files.put(io.BytesIO(b"x"), "x"),
        lambda: lost.image_files.read(some), lambda: list(lost.image_files.ids_before(some.generation_time)),
        lambda: lost.delete_user(some), lambda: list(lost.projects.served()),
        lambda: lost.idempotency.claim(some, "k", "f"),
    ]  # fmt: skip

    def attempt(call: Any) -> tuple[Exception | None, float]:
        began = time.monotonic()
        try:
            call()
        except Exception as error:
            return error, time.monotonic() - began
        return None, 0

    with ThreadPoolExecutor(len(calls)) as pool:
        results = list(pool.map(attempt, calls))
    assert [type(error) for error, _ in results] == [DatabaseSilent] * len(calls)
    assert max(seconds for _, seconds in results) < PATIENCE_SECONDS
    assert all(isinstance(error, Unavailable) and error.retry_after_seconds > 0 for error, _ in results)


def test_requests_get_503_and_the_time_to_come_back_though_many_wait(nowhere: Settings):
    app = create_app(nowhere)
    assert app.test_client().get("/health").status_code == 200
    start = threading.Barrier(6)

    def ask(path: str) -> tuple[Any, float]:
        start.wait()
        began = time.monotonic()
        return app.test_client().get(path), time.monotonic() - began

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(ask, ["/ready", "/auth?username=ada", "/publish?username=ada"] * 2))
    for response, seconds in results:
        assert_problem(response, 503, "does not answer")
        assert int(response.headers["Retry-After"]) > 0
        assert seconds < PATIENCE_SECONDS


def test_a_refusal_of_the_database_is_unavailable_and_not_pymongos(caplog: pytest.LogCaptureFixture):
    @shielded
    class Refused:
        def act(self) -> None:
            raise OperationFailure("disk is full at /var/lib/somewhere")

        def rows(self) -> Iterator[int]:
            yield 1
            raise OperationFailure("cursor is gone")

    with pytest.raises(Unavailable, match="the database refused"):
        Refused().act()
    rows = Refused().rows()
    assert next(rows) == 1
    with pytest.raises(Unavailable, match="the database refused"):
        next(rows)
    assert "disk is full" in caplog.text


def test_more_than_a_record_can_hold_is_invalid_input(store: Store):
    with pytest.raises(InvalidInput, match="too much for one record"):
        store.inferences.create(ObjectId(), ObjectId(), ["x" * 17_000_000])


def test_a_storage_error_of_a_request_is_told_without_its_cause(client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    def missing(*_: object) -> None:
        raise NotFound("gone")

    monkeypatch.setattr("storage.users.Users.find", missing)
    assert_problem(client.get("/auth?username=ada"), 404, "gone")


def test_the_rules_hang_on_indexes_that_are_made_at_the_start(store: Store):
    unique = {
        (name, tuple(index["key"]))
        for name in store.database.list_collection_names()
        for index in store.database[name].list_indexes()
        if index.get("unique")
    }
    assert unique >= {
        ("users", ("username",)),
        ("tokens", ("digest",)),
        ("projects", ("name",)),
        ("images", ("project_id", "name")),
        ("jobs", ("project_id",)),
        ("models", ("project_id", "version")),
        ("usage", ("model_id", "day")),
        ("images.chunks", ("files_id", "n")),
    } - (
        {("images.chunks", ("files_id", "n"))}
        if "images.chunks" not in store.database.list_collection_names()
        else set()
    )
    expiring = {
        name
        for name in ("tokens", "throttles", "inferences")
        for index in store.database[name].list_indexes()
        if index.get("expireAfterSeconds") == 0
    }
    assert expiring == {"tokens", "throttles", "inferences"}
    store.prepare()


@pytest.mark.parametrize(
    ("collection", "query"),
    [
        ("users", {"username": "a"}),
        ("tokens", {"digest": "a", "expires_at": {"$gt": ObjectId().generation_time}}),
        ("projects", {"name": "a"}),
        ("projects", {"owner_id": ObjectId()}),
        ("images", {"project_id": ObjectId(), "name": "a"}),
        ("images", {"file_id": {"$in": [ObjectId()]}}),
        ("models", {"files.file_id": {"$in": [ObjectId()]}}),
        ("inferences", {"project_id": ObjectId()}),
        ("inferences", {"user_id": ObjectId()}),
        ("tokens", {"user_id": ObjectId()}),
    ],
)
def test_no_request_reads_a_whole_collection(store: Store, collection: str, query: dict[str, Any]):
    plan = store.database[collection].find(query).explain()["queryPlanner"]["winningPlan"]
    assert "COLLSCAN" not in str(plan)


def test_what_goes_through_a_large_collection_may_take_longer_than_a_request(store: Store):
    slow = {"$expr": {"$function": {"body": "function() { sleep(5000); return true }", "args": [], "lang": "js"}}}
    store.database["users"].insert_one({})
    with pytest.raises(PyMongoError):
        store.database["users"].find_one(slow)
    with unhurried():
        assert store.database["users"].find_one(slow)
