from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from notifications.dispatcher import Bounds
from settings import Settings
from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import assert_problem
from tests.api.v1.test_jobs import get
from tests.conftest import Caller, wait_until
from tests.notifications.conftest import telling
from tests.notifications.receivers import receiver
from tests.storage.test_jobs import at_once

URL = "https://93.184.215.14/hook"


@pytest.fixture
def path(pets: Pets) -> str:
    return f"/api/v1/projects/{pets.project.id}/webhooks"


def make(caller: Caller, path: str, **more: Any) -> TestResponse:
    return caller.call("POST", path, **{"url": URL, **more})


def test_the_id_of_a_project_is_in_the_answer_that_made_it_and_in_the_project(caller: Caller):
    made = caller.call("PUT", "/upload/project", project_name="more", project_type="detection").json
    shown = caller.call("POST", "/upload/project", project_name="more").json
    assert made["project_id"] == shown["_id"]
    assert get(caller, f"/api/v1/projects/{made['project_id']}/webhooks").json == {"items": [], "next": None}


def test_the_secret_is_shown_once(caller: Caller, pets: Pets, path: str):
    response = make(caller, path)
    assert response.status_code == 201
    made = response.json
    assert made["secret"].startswith("whsec_")
    jobs = ["job.queued", "job.running", "job.succeeded", "job.failed", "job.cancelled"]
    assert made["events"] == [*jobs, "alert.opened", "alert.closed"]
    assert (made["url"], made["active"], made["switched_off"]) == (URL, True, None)
    shown = get(caller, response.headers["Location"])
    assert shown.json == {name: value for name, value in made.items() if name != "secret"}
    listed = get(caller, path)
    assert [item["id"] for item in listed.json["items"]] == [str(pets.webhook.id), made["id"]]
    changed = caller.call("PATCH", response.headers["Location"], active=False)
    assert "whsec_" not in shown.text + listed.text + changed.text


def test_a_rotation_shows_another_secret_and_until_when_the_old_one_signs(caller: Caller, path: str, pets: Pets):
    answer = caller.call("POST", f"{path}/{pets.webhook.id}/rotate-secret").json
    assert answer["secret"] != pets.webhook.secret
    assert answer["previous_secret_until"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"url": "http://example.org/"}, "https://"),
        ({"url": "https://localhost/"}, "no address"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "no address"),
        ({"url": "https://ada:secret@93.184.215.14/"}, "password"),
        ({"url": "https://93.184.215.14/" + "a" * 2000}, "2000"),
        ({"url": ""}, "url"),
        ({"url": None}, "url"),
        ({"url": ["https://example.org"]}, "url"),
        ({"events": []}, "events"),
        ({"events": ["job.exploded"]}, "events"),
        ({"events": "job.failed"}, "events"),
        ({"secret": "mine"}, "secret"),
    ],
)
def test_a_webhook_that_cannot_be_is_400(caller: Caller, pets: Pets, path: str, store: Store, body: dict, word: str):
    assert_problem(make(caller, path, **body), 400, word)
    if body != {"url": None}:  # which the caller leaves out
        assert_problem(caller.call("PATCH", f"{path}/{pets.webhook.id}", **body), 400, word)
    assert store.database["webhooks"].count_documents({}) == 1


def test_a_project_has_ten_webhooks_however_many_are_made_at_once(caller: Caller, path: str, store: Store, pets: Pets):
    answers = at_once([lambda: make(caller, path).status_code] * 14)
    assert sorted(answers) == [201] * 9 + [409] * 5
    caller.call("DELETE", f"{path}/{pets.webhook.id}")
    assert make(caller, path).status_code == 201
    assert_problem(make(caller, path), 409, "10 webhooks")


def test_what_is_changed_changes_and_the_rest_stays(caller: Caller, path: str, pets: Pets):
    url = f"{path}/{pets.webhook.id}"
    assert caller.call("PATCH", url, events=["job.failed", "job.queued", "job.failed"]).json["events"] == [
        "job.queued",
        "job.failed",
    ]
    changed = caller.call("PATCH", url, active=False).json
    assert (changed["active"], changed["url"], len(changed["events"])) == (False, pets.webhook.url, 2)
    assert caller.call("PATCH", url, url=URL).json["url"] == URL
    assert_problem(caller.call("POST", f"{url}/test"), 409, "switched off")


def test_a_deleted_webhook_is_404_and_its_deliveries_are_gone(caller: Caller, path: str, pets: Pets, store: Store):
    url = f"{path}/{pets.webhook.id}"
    assert caller.call("DELETE", url).status_code == 200
    assert_problem(get(caller, url), 404)
    assert_problem(get(caller, f"{url}/deliveries"), 404)
    assert_problem(caller.call("DELETE", url), 404)
    assert store.database["deliveries"].count_documents({}) == 0


def test_a_webhook_of_another_project_is_404(caller: Caller, pets: Pets):
    made = caller.call("PUT", "/upload/project", project_name="more", project_type="detection").json
    assert_problem(get(caller, f"/api/v1/projects/{made['project_id']}/webhooks/{pets.webhook.id}"), 404)


@pytest.mark.parametrize("id", ["0" * 24, "x", "%00", "é"])
def test_unknown_ids_are_404(caller: Caller, pets: Pets, path: str, id: str):
    assert_problem(get(caller, f"/api/v1/projects/{id}/webhooks"), 404)
    assert_problem(get(caller, f"{path}/{id}"), 404)
    assert_problem(caller.call("POST", f"{path}/{pets.webhook.id}/deliveries/{id}/retry"), 404)


def test_tests_are_bounded(caller: Caller, path: str, pets: Pets, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.v1.webhooks._MOST_TESTS", 2)
    answers = [caller.call("POST", f"{path}/{pets.webhook.id}/test") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert int(answers[2].headers["Retry-After"]) > 0


def test_deliveries_are_listed_page_by_page_with_what_became_of_them(
    caller: Caller, pets: Pets, path: str, store: Store
):
    url = f"{path}/{pets.webhook.id}/deliveries"
    ids = [str(pets.delivery_id)]
    lane_id, owner_id, job_id = pets.webhook.id, pets.project.owner_id, pets.job.id
    more = [store.deliveries.add(lane_id, owner_id, "job.queued", "{}", job_id=job_id, seq=seq) for seq in range(2, 7)]
    ids += [str(id) for id in more]
    found: list[str] = []
    cursor: dict[str, str] = {}
    for size in (4, 2):
        answer = get(caller, url, limit=4, **cursor).json
        assert len(answer["items"]) == size
        found += [item["id"] for item in answer["items"]]
        cursor = {"cursor": answer["next"]}
    assert sorted(found) == sorted(ids)
    assert answer["next"] is None
    assert get(caller, url, state="failed").json["items"] == []
    assert_problem(get(caller, url, state="lost"), 400, "state")
    waiting = get(caller, url, state="waiting", limit=1).json["items"][0]
    assert waiting["next_try_at"]
    assert (waiting["tries"], waiting["last_try_at"], waiting["last_status"]) == (0, None, None)


def test_a_test_message_arrives_and_a_failed_one_is_sent_again(
    caller: Caller, pets: Pets, path: str, store: Store, session_app: Flask, settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    private = dataclasses.replace(settings, webhook_private=True)
    services = session_app.extensions["diyml"].services
    monkeypatch.setattr(session_app.extensions["diyml"], "_services", dataclasses.replace(services, settings=private))
    store.deliveries.delete_lanes([pets.webhook.id])
    with receiver() as inbox, telling(store, private, bounds=Bounds(waits=(0.01,))):
        inbox.answer = lambda _: 400
        url = f"{path}/{pets.webhook.id}"
        assert caller.call("PATCH", url, url=inbox.url).json["url"] == inbox.url
        sent = caller.call("POST", f"{url}/test").json
        assert (sent["type"], sent["state"]) == ("webhook.test", "waiting")
        wait_until(lambda: get(caller, f"{url}/deliveries").json["items"][0]["state"] == "failed")
        (failed,) = get(caller, f"{url}/deliveries").json["items"]
        assert (failed["tries"], failed["last_status"], failed["next_try_at"]) == (2, "it answered 400", None)
        inbox.answer = lambda _: 200
        again = caller.call("POST", f"{url}/deliveries/{failed['id']}/retry")
        assert again.status_code == 202
        (got,) = inbox.wait_for(1)
        assert got.id == failed["message_id"]
        assert got.message["data"]["project_name"] == "pets"
        wait_until(lambda: get(caller, f"{url}/deliveries", state="delivered").json["items"])
        assert_problem(caller.call("POST", f"{url}/deliveries/{failed['id']}/retry"), 409, "delivered")
