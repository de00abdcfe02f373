from __future__ import annotations

from typing import Any

import pytest

from settings import Settings
from storage.store import Store
from streams.connecting import connection
from streams.crew import Crew
from tests.api.problems import assert_problem
from tests.conftest import Caller, wait_until
from tests.streams.models import serve_sum_model

STREAM = "/api/v1/projects/pumps/stream"


@pytest.fixture
def pumps(caller: Caller, store: Store) -> Caller:
    """A user with a project of time series, and a model that judges."""
    user = store.users.find("ada")
    assert user
    serve_sum_model(store, store.projects.create(user, "pumps", "anomaly"))
    return caller


def ask(caller: Caller, method: str, path: str = "", **values: Any) -> Any:
    if method == "GET":
        headers = {"Authorization": f"Bearer {caller.token}"}
        return caller._client.get(STREAM + path, query_string=values, headers=headers)
    return caller.call(method, STREAM + path, **values)


def test_rows_sent_by_http_are_judged_and_read_after_a_position(pumps: Caller, store: Store, settings: Settings):
    shown = ask(pumps, "PUT").json
    assert (shown["enabled"], shown["lag"], shown["counts"]["rows"]) == (True, 0, 0)
    for number in range(3):
        sent = ask(pumps, "POST", "/rows", rows=[{"machine": "a", "heat": number, "spin": 1}], message_id=f"m{number}")
        assert (sent.status_code, sent.json) == (202, {"message_id": f"m{number}", "rows": 1})
    ask(pumps, "POST", "/rows", rows=[{"heat": "warm"}], message_id="bad")
    crew = Crew(store, settings)
    try:
        crew.look()
        wait_until(lambda: ask(pumps, "GET").json["counts"]["messages"] == 4, 60)
        first = ask(pumps, "GET", "/results", limit=2).json
        assert [item["message_id"] for item in first["items"]] == ["m0", "m1"]
        assert first["items"][0]["rows"][0]["values"] == {"heat": 0.0, "spin": 1.0}
        rest = ask(pumps, "GET", "/results", cursor=first["next"]).json["items"]
        assert [item["message_id"] for item in rest] == ["m2", "bad"]
        assert "machine" in rest[1]["reason"]
        after = first["items"][-1]["position"]
        assert ask(pumps, "GET", "/results", after=after).json["items"] == rest
        (letter,) = wait_until(lambda: ask(pumps, "GET", "/dead-letters").json["items"], 60)
        assert (letter["message_id"], letter["body"]) == ("bad", '[{"heat": "warm"}]')
        resent = ask(pumps, "POST", f"/dead-letters/{letter['id']}/resend")
        assert resent.status_code == 202
        (letter,) = wait_until(lambda: ask(pumps, "GET", "/dead-letters").json["items"], 60)
        assert letter["message_id"] == resent.json["message_id"]
        assert ask(pumps, "DELETE", f"/dead-letters/{letter['id']}").status_code == 204
        assert ask(pumps, "DELETE").status_code == 204
        crew.look()
        assert store.streams.removed() == []
        with connection(settings) as broker, broker.channel() as channel:
            assert channel.queue_declare(shown["results_queue"], passive=True).message_count == 0
    finally:
        crew.stop()
    assert_problem(ask(pumps, "GET"), 404, "no stream")


def keyed(caller: Caller, method: str, path: str, **body: Any) -> Any:
    """Make a call twice with one key; gives the first answer, which is also the second."""
    headers = {"Authorization": f"Bearer {caller.token}", "Idempotency-Key": f"{method} {path}"}
    first, again = (caller._client.open(path, method=method, json=body, headers=headers) for _ in range(2))
    assert (first.status_code < 300, "Idempotency-Replayed" in first.headers) == (True, False), first.text
    assert (again.data, again.headers["Idempotency-Replayed"]) == (first.data, "true")
    return first


def test_a_call_that_is_made_again_with_its_key_has_one_effect(pumps: Caller, store: Store, settings: Settings):
    stream = keyed(pumps, "PUT", STREAM).json
    keyed(pumps, "POST", f"{STREAM}/rows", rows=[{"heat": "warm"}])
    row = {"machine": "a", "heat": 1, "spin": 2}
    assert keyed(pumps, "POST", STREAM.replace("stream", "rows"), rows=[row]).json["rows"] == 1
    crew = Crew(store, settings)
    try:
        crew.look()
        (letter,) = wait_until(lambda: ask(pumps, "GET", "/dead-letters").json["items"], 60)
        keyed(pumps, "POST", f"{STREAM}/dead-letters/{letter['id']}/resend")
        wait_until(lambda: ask(pumps, "GET").json["counts"]["messages"] == 2, 60)
        (letter,) = wait_until(lambda: ask(pumps, "GET", "/dead-letters").json["items"], 60)
        keyed(pumps, "DELETE", f"{STREAM}/dead-letters/{letter['id']}")
    finally:
        crew.stop()
    keyed(pumps, "DELETE", STREAM)
    assert stream["enabled"]


def test_rows_are_collected_until_there_are_enough_and_trained_on_before_there_is_a_model(
    caller: Caller, store: Store, settings: Settings
):
    user = store.users.find("ada")
    assert user
    project = store.projects.create(user, "pumps", "anomaly")
    assert ask(caller, "PUT", collect=3).json["collect_left"] == 3
    crew = Crew(store, settings)
    try:
        crew.look()
        rows = [{"heat": number, "spin": 1} for number in range(2)]
        for number in range(2):
            ask(caller, "POST", "/rows", rows=rows, message_id=f"m{number}")
        wait_until(lambda: ask(caller, "GET").json["counts"]["collected"] == 3, 60)
        wait_until(lambda: store.streams.get(project.id).collected_through, 60)
    finally:
        crew.stop()
    assert store.appended.waiting(project.id, 0).rows == 3
    shown = ask(caller, "GET").json
    assert (shown["collect_left"], shown["refused_rows"], shown["counts"]["rows"]) == (0, 0, 4)


def test_past_the_bound_of_a_queue_rows_are_refused_and_told_to_come_again(pumps: Caller, store: Store):
    ask(pumps, "PUT")
    services = pumps._client.application.extensions["diyml"].services
    most, services.sender._most_waiting = services.sender._most_waiting, 1
    try:
        assert ask(pumps, "POST", "/rows", rows=[{"heat": 1}]).status_code == 202
        services.sender._counted.clear()
        refused = ask(pumps, "POST", "/rows", rows=[{"heat": 1}])
        assert_problem(refused, 429, "1 messages wait")
        assert refused.headers["Retry-After"]
    finally:
        services.sender._most_waiting = most


def test_a_queue_belongs_to_one_stream_and_is_one_of_streams(pumps: Caller, other: Caller, store: Store):
    user = store.users.find("grace")
    assert user
    store.projects.create(user, "fans", "anomaly")
    assert ask(pumps, "PUT", queue="diyml.stream.pumps").json["dead_queue"] == "diyml.stream.pumps.dead"
    for name in ("diyml.stream.pumps", "diyml.stream.pumps.results"):
        taken = other.call("PUT", "/api/v1/projects/fans/stream", queue=name)
        assert_problem(taken, 409, "another stream")
    for name in ("diyml", "diyml.cpu", "diyml.stream.", "celery", "diyml.stream.a/b"):
        assert_problem(ask(pumps, "PUT", queue=name), 400, "queue")


def test_a_stream_is_for_time_series_and_takes_rows_only_while_it_is_on(pumps: Caller, store: Store):
    pumps.project("pets", classes="cat|dog")
    assert_problem(pumps.call("PUT", "/api/v1/projects/pets/stream"), 409, "time series")
    assert_problem(ask(pumps, "POST", "/rows", rows=[{"heat": 1}]), 404, "no stream")
    ask(pumps, "PUT", enabled=False)
    assert_problem(ask(pumps, "POST", "/rows", rows=[{"heat": 1}]), 409, "switched off")
    assert_problem(ask(pumps, "POST", "/rows", rows=[]), 400, "rows")
    assert_problem(ask(pumps, "GET", "/dead-letters/0123456789abcdef01234567"), 404, "dead letter")


def test_with_a_project_go_its_stream_and_the_queues(pumps: Caller, store: Store, settings: Settings):
    queue = ask(pumps, "PUT").json["queue"]
    ask(pumps, "POST", "/rows", rows=[{"machine": "a", "heat": 1}])
    stream = store.database["streams"].find_one()
    crew = Crew(store, settings)
    try:
        crew.look()
        wait_until(lambda: ask(pumps, "GET").json["counts"]["messages"] == 1, 60)
        assert pumps.call("DELETE", "/api/v1/projects/pumps").status_code in (200, 204)
        crew.look()
    finally:
        crew.stop()
    store.delete_contents(stream["project_id"])  # as the sweeper does, of what was under way
    for name in ("streams", "stream_batches", "stream_states", "stream_letters"):
        assert store.database[name].count_documents({}) == 0, name
    with connection(settings) as broker, broker.channel() as channel:
        assert channel.queue_declare(queue, passive=True).message_count == 0
