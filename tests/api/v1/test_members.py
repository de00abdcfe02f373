"""Members: what each role may, who decides on it, and that what was taken away is gone at once."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from storage.members import MOST_MEMBERS
from storage.store import Store
from storage.sweeper import sweep
from tests.api.conftest import Pets
from tests.api.problems import assert_problem
from tests.api.v1.test_projects import URL, send
from tests.conftest import PASSWORD, Caller

PETS = f"{URL}/pets"


def _roles(caller: Caller) -> dict[str, str]:
    return {item["username"]: item["role"] for item in send(caller, "GET", f"{PETS}/members").json["items"]}


def _join(caller: Caller, username: str, role: str) -> None:
    response = send(caller, "PUT", f"{PETS}/members/{username}", role=role)
    assert response.status_code == 200, response.text
    assert response.json.items() >= {"username": username, "role": role}.items()


def test_a_role_is_given_changed_and_taken(caller: Caller, other: Caller, pets: Pets):
    assert _roles(caller) == {"ada": "owner"}
    _join(caller, "grace", "viewer")
    since = send(caller, "GET", f"{PETS}/members").json["items"][1]["added_at"]
    _join(caller, "grace", "editor")
    assert _roles(other) == {"ada": "owner", "grace": "editor"}
    assert send(caller, "GET", f"{PETS}/members").json["items"][1]["added_at"] == since
    assert send(caller, "DELETE", f"{PETS}/members/grace").status_code == 204
    assert _roles(caller) == {"ada": "owner"}
    assert_problem(send(caller, "DELETE", f"{PETS}/members/grace"), 404, "no member")
    assert_problem(send(other, "GET", PETS), 404)


def test_a_viewer_reads_and_writes_nothing(caller: Caller, other: Caller, pets: Pets):
    _join(caller, "grace", "viewer")
    assert send(other, "GET", PETS).json["role"] == "viewer"
    for method, path, body in (
        ("PATCH", "", {"description": "x"}),
        ("POST", "/classes", {"name": "fox"}),
        ("DELETE", "", {}),
        ("PUT", "/members/grace", {"role": "editor"}),
        ("POST", "/transfer", {"username": "grace"}),
        ("DELETE", "/members/ada", {}),
    ):
        assert_problem(send(other, method, f"{PETS}{path}", **body), 403)
    assert_problem(other.call("PUT", "/upload/class_info", project_name="pets", class_info="x"), 403)
    assert _roles(caller) == {"ada": "owner", "grace": "viewer"}


def test_an_editor_changes_data_and_neither_members_nor_the_name(caller: Caller, other: Caller, pets: Pets):
    _join(caller, "grace", "editor")
    assert send(other, "PATCH", PETS, description="ours").status_code == 200
    assert send(other, "POST", f"{PETS}/classes", name="fox").status_code == 201
    assert other.place("pets", "theirs", "fox").status_code == 200
    assert_problem(send(other, "PATCH", PETS, name="mine"), 403, "only the owner")
    assert_problem(send(other, "PUT", f"{PETS}/members/grace", role="viewer"), 403)
    assert_problem(send(other, "DELETE", PETS), 403)


def test_a_member_may_leave(caller: Caller, other: Caller, pets: Pets):
    _join(caller, "grace", "viewer")
    assert send(other, "DELETE", f"{PETS}/members/grace").status_code == 204
    assert_problem(send(other, "GET", PETS), 404)


def test_a_hand_over_and_a_new_name_are_answered_again_under_their_key(caller: Caller, other: Caller, pets: Pets):
    _join(caller, "grace", "viewer")
    headers = {"Authorization": f"Bearer {caller.token}"}
    for key, method, path, body in (
        ("a", "PATCH", PETS, {"name": "animals"}),
        ("b", "POST", f"{URL}/animals/transfer", {"username": "grace"}),
    ):
        sent = {"json": body, "headers": {**headers, "Idempotency-Key": key}}
        first, again = (caller._client.open(path, method=method, **sent) for _ in range(2))
        assert first.status_code == 200, first.text
        assert (again.data, again.headers["Idempotency-Replayed"]) == (first.data, "true")


def test_a_project_always_has_an_owner(caller: Caller, pets: Pets):
    assert_problem(send(caller, "DELETE", f"{PETS}/members/ada"), 409, "transfer")
    assert_problem(send(caller, "PUT", f"{PETS}/members/ada", role="viewer"), 409, "transfer")
    assert _roles(caller) == {"ada": "owner"}


def test_a_project_is_handed_over_to_a_member(caller: Caller, other: Caller, pets: Pets):
    assert_problem(send(caller, "POST", f"{PETS}/transfer", username="grace"), 409, "no member")
    assert_problem(send(caller, "POST", f"{PETS}/transfer", username="nobody"), 404)
    _join(caller, "grace", "viewer")
    assert send(caller, "POST", f"{PETS}/transfer", username="grace").json["role"] == "editor"
    assert _roles(caller) == {"grace": "owner", "ada": "editor"}
    assert_problem(send(caller, "DELETE", PETS), 403)
    assert other.call("POST", "/upload/project", project_name="pets").status_code == 200
    assert send(other, "DELETE", PETS).status_code == 204


@pytest.mark.parametrize(
    ("username", "role", "status"), [("nobody", "viewer", 404), ("grace", "owner", 400), ("grace", "guest", 400)]
)
def test_who_and_what_is_not_there_is_refused(
    caller: Caller, other: Caller, pets: Pets, username: str, role: str, status: int
):
    assert_problem(send(caller, "PUT", f"{PETS}/members/{username}", role=role), status)
    assert _roles(caller) == {"ada": "owner"}


def test_members_are_bounded(caller: Caller, other: Caller, pets: Pets, store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("storage.members.MOST_MEMBERS", 1)
    assert MOST_MEMBERS > 1
    Caller(caller._client, "linus")
    _join(caller, "grace", "viewer")
    assert_problem(send(caller, "PUT", f"{PETS}/members/linus", role="viewer"), 409, "at most 1")
    _join(caller, "grace", "editor")


def test_a_deleted_accounts_memberships_go(caller: Caller, other: Caller, pets: Pets, store: Store):
    _join(caller, "grace", "editor")
    assert send(other, "GET", "/api/v1/me").status_code == 200
    deleted = other._client.delete(
        "/api/v1/me", json={"password": PASSWORD}, headers={"Authorization": f"Bearer {other.token}"}
    )
    assert deleted.status_code == 204
    assert _roles(caller) == {"ada": "owner"}
    assert store.database["projects"].find_one({"name": "pets"})["members"] == []


def test_a_membership_that_an_interrupted_deletion_left_over_goes(
    client: FlaskClient, caller: Caller, other: Caller, pets: Pets, store: Store
):
    _join(caller, "grace", "editor")
    grace = store.users.find("grace")
    assert grace
    store.users.delete(grace.id)
    store.tokens.revoke_all(grace.id)
    assert sweep(store)["accounts"] == 1
    assert store.database["projects"].find_one({"name": "pets"})["members"] == []
    assert sweep(store)["accounts"] == 0
