"""Projects over `/api/v1`: found by everybody whose business they are, changed by nobody else, and never blindly."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from storage.project_filter import ProjectFilter
from storage.roles import Role
from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import assert_problem
from tests.conftest import Caller, encoded, picture

URL = "/api/v1/projects"


def send(caller: Caller, method: str, path: str, if_match: str | None = None, **body: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {caller.token}"} | ({"If-Match": if_match} if if_match else {})
    given = {"query_string": body} if method in ("GET", "DELETE") else {"json": body}
    return caller._client.open(path, method=method, headers=headers, **given)


def make(caller: Caller, name: str, **more: Any) -> dict[str, Any]:
    response = send(caller, "POST", URL, name=name, **{"type": "classification", **more})
    assert response.status_code == 201, response.text
    return dict(response.json or {})


def names(caller: Caller, **query: Any) -> list[str]:
    response = send(caller, "GET", URL, **query)
    assert response.status_code == 200, response.text
    return [item["name"] for item in response.json["items"]]


def test_what_is_made_can_be_read_under_its_id_and_its_name(caller: Caller):
    response = send(
        caller, "POST", URL, name="pets", type="Object Detection", description=" Two\nlines. ", classes=["a"]
    )
    made = response.json
    assert response.headers["Location"] == f"{URL}/{made['id']}"
    assert response.headers["ETag"] == '"1"'
    expected = {"name": "pets", "type": "detection", "description": "Two\nlines.", "role": "owner", "owner": "ada"}
    assert made.items() >= expected.items()
    assert made["classes"] == [{"id": 0, "name": "a", "images": 0}]
    assert made["counts"] == {"images": 0, "labelled": 0, "unlabelled": 0}
    assert (made["model"], made["training"], made["is_published"]) == (None, None, False)
    for reference in (made["id"], "pets"):
        assert send(caller, "GET", f"{URL}/{reference}").json == made
    assert caller.call("POST", "/upload/project", project_name="pets").json["_id"] == made["id"]


def test_a_project_tells_what_it_holds(caller: Caller, pets: Pets):
    caller.place("pets", "third.png", "", picture(seed=3))
    shown = send(caller, "GET", f"{URL}/pets").json
    assert shown["counts"] == {"images": 3, "labelled": 2, "unlabelled": 1}
    assert [(item["name"], item["images"]) for item in shown["classes"]] == [("cat", 1), ("dog", 1)]
    assert shown["model"] == {"id": str(pets.model.id), "version": 1}
    assert shown["training"]["job_id"] == str(pets.job.id)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "x", "type": "poetry"}, "classification"),
        ({"name": "a/b", "type": "detection"}, "name"),
        ({"name": "x", "type": "detection", "classes": ["a", " a "]}, "named twice"),
        ({"name": "x", "type": "detection", "classes": ["a|b"]}, "may not hold |"),
        ({"name": "x", "type": "detection", "classes": [""]}, "needs a name"),
        ({"name": "x", "type": "detection", "classes": "abc"}, "classes"),
        ({"name": "x", "type": "detection", "description": "a\x00b"}, "U+0000"),
        ({"name": "x", "type": "detection", "description": "x" * 5001}, "description"),
        ({"name": "x", "type": "detection", "color": "red"}, "color"),
        ({"name": {"$ne": None}, "type": "detection"}, "name"),
    ],
)
def test_an_unusable_wish_is_400_and_nothing_is_made(caller: Caller, body: dict[str, Any], words: str):
    assert_problem(send(caller, "POST", URL, **body), 400, words)
    assert names(caller) == []


def test_a_name_is_one_projects_alone_over_all_users(caller: Caller, other: Caller):
    make(caller, "pets")
    make(caller, "more")
    assert_problem(send(other, "POST", URL, name="pets", type="detection"), 409, "taken")
    assert_problem(send(caller, "PATCH", f"{URL}/more", name="pets"), 409, "taken")
    assert send(caller, "PATCH", f"{URL}/more", name="pets 2").json["name"] == "pets 2"
    assert_problem(send(caller, "GET", f"{URL}/more"), 404)


def test_the_list_holds_what_one_owns_or_is_a_member_of(caller: Caller, other: Caller, store: Store):
    for name in ("one", "two"):
        make(caller, name)
    make(other, "theirs", type="detection", description="Cells of BLOOD (a.b)")
    make(other, "hidden")
    assert names(caller) == ["two", "one"]
    assert send(other, "PUT", f"{URL}/theirs/members/ada", role="viewer").status_code == 200
    assert names(caller) == ["theirs", "two", "one"]
    assert names(caller, role="owner") == ["two", "one"]
    assert names(caller, role="viewer") == ["theirs"]
    assert names(caller, role="editor") == []
    assert names(caller, type="Object Detection") == ["theirs"]
    assert names(caller, q="blood") == names(caller, q="THEIR") == names(caller, q="(a.b") == ["theirs"]
    assert names(caller, q=".") == ["theirs"]
    assert names(caller, published=True) == names(caller, trained="true") == []
    assert names(caller, published=False, trained=False, sort="name") == ["one", "theirs", "two"]
    [shown] = send(caller, "GET", URL, role="viewer").json["items"]
    assert (shown["owner"], shown["role"]) == ("grace", "viewer")


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "name", "-name", "updated_at", "-updated_at"])
def test_each_order_goes_page_by_page(caller: Caller, store: Store, sort: str):
    for name in ("b", "d", "a", "c", "e"):
        make(caller, name)
    # One is of before there were these dates.
    store.database["projects"].update_one({"name": "d"}, {"$unset": {"updated_at": 1, "revision": 1, "members": 1}})
    send(caller, "PATCH", f"{URL}/a", description="changed")
    whole = names(caller, sort=sort)
    assert sorted(whole) == ["a", "b", "c", "d", "e"]
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        answer = send(caller, "GET", URL, sort=sort, limit=2, **cursor).json
        found += [item["name"] for item in answer["items"]]
        cursor = {"cursor": answer["next"]}
    assert (found, answer["next"]) == (whole, None)
    expected = {"name": ["a", "b", "c", "d", "e"], "created_at": ["b", "d", "a", "c", "e"]}.get(sort.strip("-"))
    assert expected is None or whole == (expected[::-1] if sort.startswith("-") else expected)


def test_a_cursor_of_another_order_is_400(caller: Caller):
    for name in ("a", "b"):
        make(caller, name)
    cursor = send(caller, "GET", URL, sort="name", limit=1).json["next"]
    assert names(caller, sort="name", limit=1, cursor=cursor) == ["b"]
    assert_problem(send(caller, "GET", URL, sort="-name", cursor=cursor), 400, "another order")


def test_lists_are_answered_by_indexes(caller: Caller, store: Store):
    make(caller, "a")
    user = store.users.find("ada")
    assert user
    for wanted in (ProjectFilter(), ProjectFilter(text="a"), ProjectFilter(role=Role.EDITOR, trained=True)):
        query = wanted.query(user.id)
        plan = store.database["projects"].find(query).sort([("name", 1), ("_id", 1)]).explain()["queryPlanner"]
        assert "COLLSCAN" not in str(plan["winningPlan"]), query


def test_a_change_of_what_somebody_else_has_changed_is_412_and_changes_nothing(caller: Caller):
    make(caller, "pets")
    tag = send(caller, "GET", f"{URL}/pets").headers["ETag"]
    first = send(caller, "PATCH", f"{URL}/pets", if_match=tag, description="mine")
    assert first.headers["ETag"] != tag
    response = send(caller, "PATCH", f"{URL}/pets", if_match=tag, description="theirs")
    assert_problem(response, 412, "read it again")
    assert response.json["type"] == "urn:diyml:problem:changed_meanwhile"
    assert send(caller, "GET", f"{URL}/pets").json["description"] == "mine"
    assert send(caller, "PATCH", f"{URL}/pets", if_match="*", description="any").status_code == 200
    assert_problem(send(caller, "PATCH", f"{URL}/pets", if_match="yesterday", description="x"), 400, "If-Match")


def test_a_change_is_a_merge_and_null_empties(caller: Caller):
    make(caller, "pets", description="Cats.")
    changed = send(caller, "PATCH", f"{URL}/pets", group_pattern=r"^(\d+)_").json
    assert (changed["description"], changed["settings"]) == ("Cats.", {"group_pattern": r"^(\d+)_"})
    emptied = send(caller, "PATCH", f"{URL}/pets", description=None, group_pattern=None).json
    assert (emptied["name"], emptied["description"], emptied["settings"]["group_pattern"]) == ("pets", "", "")
    assert_problem(send(caller, "PATCH", f"{URL}/pets", group_pattern="("), 400, "no regular expression")
    assert_problem(send(caller, "PATCH", f"{URL}/pets", name=None), 400, "name")
    assert_problem(send(caller, "PATCH", f"{URL}/pets"), 400, "nothing to change")


def test_a_project_of_before_reads_as_if_it_had_what_came_later(caller: Caller, store: Store):
    made = make(caller, "old")
    later = ("description", "group_pattern", "created_at", "updated_at", "revision", "members")
    store.database["projects"].update_one({"name": "old"}, {"$unset": dict.fromkeys(later, 1)})
    shown = send(caller, "GET", f"{URL}/old")
    assert shown.json.items() >= {"description": "", "settings": {"group_pattern": ""}, "revision": 0}.items()
    assert shown.json["created_at"][:10] == made["created_at"][:10]
    changed = send(caller, "PATCH", f"{URL}/old", if_match=shown.headers["ETag"], description="new")
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"1"')
    assert_problem(send(caller, "PATCH", f"{URL}/old", if_match=shown.headers["ETag"], description="x"), 412)
    assert send(caller, "PUT", f"{URL}/old/members/ada", role="viewer").status_code == 409


def test_guests_see_what_a_published_project_is_and_nothing_of_its_data(
    caller: Caller, other: Caller, pets: Pets, store: Store
):
    assert_problem(send(other, "GET", f"{URL}/pets"), 404)
    store.projects.publish(pets.project, True)
    shown = send(other, "GET", f"{URL}/pets").json
    assert (shown["role"], shown["owner"], shown["is_published"]) == ("guest", "ada", True)
    assert shown["model"] == {"id": str(pets.model.id), "version": 1}
    assert [item["name"] for item in shown["classes"]] == ["cat", "dog"]
    assert shown["publication"]["predict_url"] == "/api/v1/published/pets/predict"
    hidden = ("counts", "settings", "training", "revision", "created_at", "updated_at")
    assert {shown[name] for name in hidden} == {None}
    assert_problem(send(other, "GET", f"{URL}/pets/classes"), 404)
    assert_problem(send(other, "GET", f"{URL}/pets/members"), 404)


def test_predictions_by_the_old_name_are_404_as_soon_as_it_is_changed(caller: Caller, pets: Pets, store: Store):
    store.projects.publish(pets.project, True)
    predict = "/api/v1/published/{}/predict"
    body = {"image": encoded(picture())}
    assert send(caller, "POST", predict.format("pets"), **body).status_code != 404
    assert send(caller, "PATCH", f"{URL}/pets", name="animals").status_code == 200
    assert_problem(send(caller, "POST", predict.format("pets"), **body), 404)
    assert send(caller, "POST", predict.format("animals"), **body).status_code != 404


def test_deleting_takes_everything_along(caller: Caller, pets: Pets, store: Store):
    assert send(caller, "DELETE", f"{URL}/pets").status_code == 204
    assert_problem(send(caller, "GET", f"{URL}/pets"), 404)
    for name in ("projects", "images", "models", "webhooks"):
        assert store.database[name].count_documents({}) == 0
