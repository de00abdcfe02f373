from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from storage.store import Store
from tests.api.problems import assert_problem
from tests.conftest import PASSWORD, Caller


def test_a_free_name_is_false_and_a_taken_one_true(client: FlaskClient, caller: Caller):
    assert client.get("/auth?username=nobody").json is False
    assert client.get("/auth", query_string={"username": caller.username}).json is True


def test_asking_for_no_name_is_400(client: FlaskClient):
    assert_problem(client.get("/auth"), 400, "username is missing")
    assert_problem(client.get("/auth?username="), 400, "username")


def test_signing_up_logs_in(client: FlaskClient):
    response = client.put("/auth", json={"username": "ada", "password": PASSWORD})
    assert response.status_code == 200
    token = response.json["api_token"]
    assert response.json == {"username": "ada", "api_token": token, "status": "USER CREATED"}
    body = {"project_name": "first", "project_type": "detection"}
    assert client.put("/upload/project", json=body, headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_taken_name_is_409_and_stays_its_owners(client: FlaskClient, caller: Caller):
    taken = client.put("/auth", json={"username": "ada", "password": "another password"})
    assert_problem(taken, 409, "'ada' is taken")
    assert client.post("/auth", json={"username": "ada", "password": PASSWORD}).status_code == 200
    assert_problem(client.post("/auth", json={"username": "ada", "password": "another password"}), 401)


@pytest.mark.parametrize(
    ("password", "words"),
    [("", "8 to 72 bytes"), ("1234567", "got 7"), ("x" * 73, "got 73"), ("é" * 37, "got 74"), ("nul\0inside", "NUL")],
)
def test_an_unusable_password_is_400_and_is_not_repeated(client: FlaskClient, password: str, words: str):
    body = assert_problem(client.put("/auth", json={"username": "ada", "password": password}), 400, words)
    assert [error["field"] for error in body["errors"]] == ["password"]
    assert not password or password not in body["detail"]
    assert client.get("/auth?username=ada").json is False


@pytest.mark.parametrize("password", ["12345678", "x" * 72, "é" * 36, "pass wörd 密码"])
def test_a_password_of_8_to_72_bytes_works(client: FlaskClient, password: str):
    assert client.put("/auth", json={"username": "ada", "password": password}).status_code == 200
    assert client.post("/auth", json={"username": "ada", "password": password}).status_code == 200


@pytest.mark.parametrize("name", ["", " ", "a/b", "a\\b", "..", "a\0b", "a\nb", "a\u202eb", "x" * 101, "ad\u200da"])
def test_an_unusable_name_is_400(client: FlaskClient, name: str):
    assert_problem(client.put("/auth", json={"username": name, "password": PASSWORD}), 400, "username")


@pytest.mark.parametrize(
    "name", ["Ада", "阿达", "عَدَا", "می‌خواهم", "👩‍🔬", "Zoë", "x" * 100, "ada@example.org", "$ne", "a.b"]
)
def test_names_of_every_script_work(client: FlaskClient, name: str):
    created = client.put("/auth", json={"username": name, "password": PASSWORD})
    assert created.status_code == 200, created.text
    assert created.json["username"] == name
    assert client.get("/auth", query_string={"username": name}).json is True


def test_equal_names_in_different_encodings_are_one(client: FlaskClient):
    assert client.put("/auth", json={"username": "Zoe\u0308", "password": PASSWORD}).status_code == 200
    assert_problem(client.put("/auth", json={"username": "Zo\u00eb", "password": PASSWORD}), 409)


def test_logging_in_gives_a_further_token(client: FlaskClient, caller: Caller):
    response = client.post("/auth", json={"username": "ada", "password": PASSWORD})
    token = response.json["api_token"]
    assert response.json == {"username": "ada", "api_token": token, "status": "USER LOGGED IN"}
    assert token != caller.token
    caller.project("with the first token")
    caller.token = token
    caller.project("with the second token")


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(client: FlaskClient, caller: Caller):
    answers = [
        client.post("/auth", json={"username": name, "password": password})
        for name, password in [("ada", "wrong password"), ("nobody", PASSWORD), ("x" * 1000, "a"), ("ada", "x" * 73)]
    ]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert len({answer.data for answer in answers}) == 1
    headers = [sorted(header for header in answer.headers if header[0] != "X-Request-ID") for answer in answers]
    assert headers[1:] == headers[:-1]
    assert_problem(answers[0], 401, "wrong user name or password")
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"


def test_deleting_the_account_needs_password_and_token(client: FlaskClient, caller: Caller, other: Caller):
    assert_problem(caller.call("PATCH", "/auth", username="ada", password="wrong password"), 401)
    assert_problem(caller.call("PATCH", "/auth", username="ada", password=PASSWORD, api_token=None), 401, "no token")
    assert_problem(caller.call("PATCH", "/auth", username="grace", password=PASSWORD), 403, "another user")
    assert client.get("/auth?username=ada").json is True
    assert client.get("/auth?username=grace").json is True
    assert caller.call("PATCH", "/auth", username="ada", password=PASSWORD).json == {"Status": "Successful deletion"}
    assert client.get("/auth?username=ada").json is False
    assert_problem(caller.call("PUT", "/upload/project", project_name="a", project_type="detection"), 401)
    assert other.call("PUT", "/upload/project", project_name="a", project_type="detection").status_code == 200


def test_a_name_is_free_again_after_its_account_is_gone(client: FlaskClient, caller: Caller, store: Store):
    caller.project("mine")
    assert caller.call("PATCH", "/auth", username="ada", password=PASSWORD).status_code == 200
    assert Caller(client, "ada").project("mine") == "mine"
    assert store.database["projects"].count_documents({}) == 1
