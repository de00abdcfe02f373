"""Alert rules and incidents over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.watching import Watcher
from settings import Settings
from storage.projects import Project
from storage.store import Store
from tests.alerts.conftest import rows
from tests.api.problems import assert_problem
from tests.api.v1.test_jobs import get
from tests.conftest import Caller
from tests.notifications.conftest import a_webhook

ODD, CALM = rows(0, 3, 5, 2), rows(0, 0, 0, 0, 0, begin=10)


@pytest.fixture
def project(caller: Caller, store: Store) -> Project:
    caller.project("pumps")
    user = store.users.find("ada")
    assert user
    return store.projects.named("pumps", user)


RULES, INCIDENTS = "/api/v1/projects/pumps/alerts", "/api/v1/projects/pumps/incidents"


def made(caller: Caller, **given: Any) -> dict[str, Any]:
    response = caller.call("POST", RULES, **{"name": "bearings", "kind": "score", "cooldown_seconds": 0, **given})
    assert response.status_code == 201, response.text
    rule: dict[str, Any] = response.get_json()
    return rule


def test_a_rule_shows_all_that_it_goes_by(caller: Caller, project: Project):
    rule = made(caller, parameters={"level": 2})
    assert rule == {
        "id": rule["id"],
        "project_id": str(project.id),
        "name": "bearings",
        "kind": "score",
        "parameters": {"level": 2, "rows": 3, "of": 5, "clear_level": 1.8, "clear_rows": 5},
        "cooldown_seconds": 0,
        "active": True,
        "webhooks": None,
        "mail": True,
        "webhook_picture": False,
        "created_at": rule["created_at"],
        "revision": 1,
    }
    assert get(caller, RULES).json == {"items": [rule], "next": None}
    assert get(caller, f"{RULES}/{rule['id']}").json == rule


def test_a_rule_is_changed_by_who_has_read_it(caller: Caller, client, project: Project):
    url = f"{RULES}/{made(caller)['id']}"

    def patch(revision: str, **body: Any):
        headers = {"Authorization": f"Bearer {caller.token}", "If-Match": revision}
        return client.patch(url, json=body, headers=headers)

    changed = patch('"1"', name="oil", parameters={"rows": 1, "of": 1}, cooldown_seconds=60)
    assert changed.headers["ETag"] == '"2"'
    assert (changed.json["name"], changed.json["parameters"]["of"], changed.json["revision"]) == ("oil", 1, 2)
    assert_problem(patch('"1"', name="air"), 412)
    assert_problem(patch("*"), 400, "nothing to change")
    assert_problem(patch("*", name=None), 400, "null")
    assert_problem(client.delete(url, headers={"Authorization": f"Bearer {caller.token}", "If-Match": '"1"'}), 412)
    assert caller.call("DELETE", url).status_code == 204
    assert_problem(get(caller, url), 404, "there is no alert rule")


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"kind": "spike"}, "kind", "score"),
        ({"parameters": {"rows": 6}}, "parameters", "rows must be at most `of`"),
        ({"parameters": {"level": 0}}, "parameters.level", "greater than 0"),
        ({"parameters": {"level": "high"}}, "parameters.level", "number"),
        ({"parameters": {"speed": 1}}, "parameters.speed", "speed"),
        ({"kind": "silence", "parameters": {"seconds": 0}}, "parameters.seconds", "seconds must be 1..2592000"),
        ({"cooldown_seconds": -1}, "cooldown_seconds", "cooldown_seconds must be"),
        ({"webhooks": ["0123456789abcdef01234567"]}, "webhooks", "there is no webhook"),
        ({"color": "red"}, "color", "color"),
    ],
)
def test_what_makes_no_rule_is_refused_in_words(
    caller: Caller, project: Project, body: dict[str, Any], field: str, words: str
):
    response = caller.call("POST", RULES, **{"name": "bearings", "kind": "score", **body})
    assert_problem(response, 400, words)
    assert [item["field"] for item in response.json["errors"]] == [field]


def test_a_webhook_that_wants_no_alerts_is_not_named(caller: Caller, store: Store, project: Project):
    deaf = a_webhook(store, project, "https://93.184.215.14/", ("job.failed",))
    body = {"name": "bearings", "kind": "score", "webhooks": [str(deaf.id)]}
    assert_problem(caller.call("POST", RULES, **body), 400, "does not want alert.opened: add it to its events first")
    hook = a_webhook(store, project, "https://93.184.215.14/")
    assert made(caller, webhooks=[str(hook.id), str(hook.id)])["webhooks"] == [str(hook.id)]


def test_a_project_has_at_most_twenty_rules(caller: Caller, project: Project):
    for _ in range(20):
        made(caller)
    assert_problem(caller.call("POST", RULES, name="one more", kind="score"), 409, "delete one first")


def test_incidents_are_listed_by_state_rule_and_key(caller: Caller, store: Store, settings: Settings, project: Project):
    rule, other = made(caller), made(caller, name="other", parameters={"level": 4})
    watcher = Watcher(store, settings)
    for number in range(3):
        watcher.observe(project.id, f"pump {number}", ODD)
    watcher.observe(project.id, "pump 1", CALM)

    def keys(**query: Any) -> list[str]:
        listed = get(caller, INCIDENTS, **query)
        assert listed.status_code == 200, listed.text
        return [item["key"] for item in listed.json["items"]]

    assert keys() == ["pump 2", "pump 1", "pump 0"]
    assert (keys(state="open"), keys(state="closed")) == (["pump 2", "pump 0"], ["pump 1"])
    assert (keys(rule=rule["id"]), keys(rule=other["id"])) == (["pump 2", "pump 1", "pump 0"], [])
    assert keys(key="pump 1") == ["pump 1"]
    first = get(caller, INCIDENTS, limit=2).json
    rest = get(caller, INCIDENTS, limit=2, cursor=first["next"]).json
    assert [item["key"] for page in (first, rest) for item in page["items"]] == ["pump 2", "pump 1", "pump 0"]
    assert rest["next"] is None
    item = first["items"][1]
    assert (item["state"], item["rows"], item["worst_score"], item["duration_seconds"]) == ("closed", 3, 5, 11)
    assert item["top"][0] == {"sensor": "bearing", "share": 0.75}
    assert get(caller, f"{INCIDENTS}/{item['id']}").json == item


def test_who_acknowledges_first_is_named(caller: Caller, store: Store, settings: Settings, project: Project):
    made(caller)
    Watcher(store, settings).observe(project.id, "pump 1", ODD)
    (item,) = get(caller, INCIDENTS).json["items"]
    assert (item["acknowledged_by"], item["acknowledged_at"]) == (None, None)
    first = caller.call("POST", f"{INCIDENTS}/{item['id']}/acknowledge").json
    assert (first["acknowledged_by"], first["state"]) == ("ada", "open")
    assert caller.call("POST", f"{INCIDENTS}/{item['id']}/acknowledge").json == first


def test_a_picture_is_there_once_it_is_drawn(caller: Caller, store: Store, settings: Settings, project: Project):
    made(caller)
    Watcher(store, settings).observe(project.id, "pump 1", ODD)
    (item,) = get(caller, INCIDENTS).json["items"]
    url = f"{INCIDENTS}/{item['id']}/picture"
    assert_problem(get(caller, url), 404, "a worker draws it, try again in a moment")
    assert item["picture_url"] is None
    incident = store.alert_incidents.claim_untold(60)
    assert incident
    store.alert_incidents.keep_picture(incident.id, b"drawn")
    store.alert_incidents.keep_picture(incident.id, b"drawn again")
    answer = get(caller, url)
    assert (answer.data, answer.mimetype) == (b"drawn", "image/png")
    assert get(caller, f"{INCIDENTS}/{item['id']}").json["picture_url"].endswith("/picture")


def test_a_trial_says_whom_it_goes_to(caller: Caller, store: Store, project: Project):
    url = f"{RULES}/{made(caller)['id']}/test"
    assert_problem(caller.call("POST", url), 409, "nobody would be told")
    hook = a_webhook(store, project, "https://93.184.215.14/")
    headers = {"Authorization": f"Bearer {caller.token}", "Idempotency-Key": "once"}
    answers = [caller._client.post(url, headers=headers) for _ in range(2)]
    for answer in answers:
        assert (answer.status_code, answer.json) == (202, {"webhooks": [str(hook.id)], "mail": False})
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert get(caller, INCIDENTS).json["items"] == []
