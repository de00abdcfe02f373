"""Eight clients doing the same thing at the same moment: one wins or all do, and nobody gets a server error."""

from __future__ import annotations

import dataclasses
import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from DIYML import create_app
from settings import Settings
from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import assert_problem
from tests.conftest import PASSWORD, Caller, encoded, picture

CLIENTS = 8


@pytest.fixture
def apps(session_app: Flask, settings: Settings, store: Store) -> Iterator[list[Flask]]:
    """Two applications with a connection each, as two web processes have."""
    second = create_app(dataclasses.replace(settings))
    yield [session_app, second]
    second.extensions["diyml"].services.store.close()


def together(apps: list[Flask], call: Callable[[Any, int], TestResponse]) -> list[TestResponse]:
    """Run `call(client, number)` in CLIENTS threads that start at the same moment."""
    start = threading.Barrier(CLIENTS)

    def run(number: int) -> TestResponse:
        client = apps[number % len(apps)].test_client()
        start.wait()
        return call(client, number)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(run, range(CLIENTS)))


def _statuses(responses: list[TestResponse]) -> dict[int, int]:
    return dict(Counter(response.status_code for response in responses))


def test_one_signs_up_and_the_others_learn_that_the_name_is_taken(apps: list[Flask], store: Store):
    body = {"username": "ada", "password": PASSWORD}
    responses = together(apps, lambda client, _: client.put("/auth", json=body))
    assert _statuses(responses) == {200: 1, 409: CLIENTS - 1}
    assert store.database["users"].count_documents({}) == 1
    assert store.database["tokens"].count_documents({}) == 1


def test_all_log_in_with_tokens_of_their_own(apps: list[Flask], caller: Caller):
    body = {"username": "ada", "password": PASSWORD}
    responses = together(apps, lambda client, _: client.post("/auth", json=body))
    assert _statuses(responses) == {200: CLIENTS}
    assert len({response.json["api_token"] for response in responses}) == CLIENTS


def test_wrong_passwords_at_once_are_all_counted(apps: list[Flask], caller: Caller, settings: Settings):
    body = {"username": "ada", "password": "wrong password"}
    answers = [r for _ in range(3) for r in together(apps, lambda client, _: client.post("/auth", json=body))]
    assert _statuses(answers) == {401: settings.login_attempts, 429: 3 * CLIENTS - settings.login_attempts}


def test_one_creates_the_project(apps: list[Flask], caller: Caller, other: Caller, store: Store):
    def create(client: Any, number: int) -> TestResponse:
        token = (caller, other)[number % 2].token
        body = {"api_token": token, "project_name": "pets", "project_type": "detection"}
        return client.put("/upload/project", json=body)

    assert _statuses(together(apps, create)) == {200: 1, 409: CLIENTS - 1}
    assert store.database["projects"].count_documents({}) == 1


def test_all_place_one_point_and_one_of_them_stays_whole(apps: list[Flask], caller: Caller, store: Store):
    caller.project("pets", classes="|".join(f"c{number}" for number in range(CLIENTS)))
    pictures = [picture(20 + number, 30, seed=number) for number in range(CLIENTS)]

    def place(client: Any, number: int) -> TestResponse:
        body = {"api_token": caller.token, "project_name": "pets", "data_point_name": "a"}
        more = {"image_data": encoded(pictures[number]), "label_data": f"c{number}"}
        return client.put("/upload/data_point", json={**body, **more})

    assert _statuses(together(apps, place)) == {200: CLIENTS}
    read = caller.call("POST", "/upload/data_point", project_name="pets", data_point_name="a").json
    winner = read["width"] - 20
    assert read["labels"] == [f"c{winner}"]
    row = store.database["images"].find_one()
    assert row
    assert store.image_files.read(row["file_id"]) == pictures[winner]
    counts = [store.database[name].count_documents({}) for name in ("images", "images.files", "images.chunks")]
    assert counts == [1, 1, 1]


def test_all_replace_the_classes_and_one_list_stays_whole(apps: list[Flask], caller: Caller, store: Store):
    caller.project("pets", classes="first")
    caller.place("pets", "a", "first")
    lists = [[f"{name}{number}" for name in ("cat", "dog")] for number in range(CLIENTS)]

    def put(client: Any, number: int) -> TestResponse:
        body = {"api_token": caller.token, "project_name": "pets", "class_info": "|".join(lists[number])}
        return client.put("/upload/class_info", json=body)

    assert _statuses(together(apps, put)) == {200: CLIENTS}
    assert caller.call("POST", "/upload/class_info", project_name="pets").json["class_list"] in lists
    row = store.database["projects"].find_one()
    assert row
    ids = [item["id"] for item in row["classes"] + row["retired"]]
    assert sorted(ids) == list(range(1 + 2 * CLIENTS))


def test_classes_points_and_analyses_at_once_fit_each_other(apps: list[Flask], caller: Caller):
    caller.project("pets", classes="c0")

    def act(client: Any, number: int) -> TestResponse:
        for turn in range(4):
            body = {"api_token": caller.token, "project_name": "pets"}
            classes = {"class_info": f"c0|new{number}{turn}"}
            assert client.put("/upload/class_info", json={**body, **classes}).status_code == 200
            point = {"data_point_name": f"{number}", "image_data": encoded(picture()), "label_data": "1"}
            assert client.put("/upload/data_point", json={**body, **point}).status_code == 200
            response = client.post("/data_analysis", json=body)
            assert response.status_code == 200, response.text
        return response

    assert _statuses(together(apps, act)) == {200: CLIENTS}


def test_one_training_is_queued(apps: list[Flask], caller: Caller, store: Store):
    caller.project("pets", classes="cat|dog")
    for seed, label in enumerate(["cat", "dog"] * 2):
        caller.place("pets", f"{seed}", label, picture(seed=seed))
    body = {"api_token": caller.token, "project_name": "pets", "train_split": 0.8, "epochs": 1}
    assert _statuses(together(apps, lambda client, _: client.put("/train", json=body))) == {200: 1, 409: CLIENTS - 1}
    assert store.database["jobs"].count_documents({}) == 1


def test_deleting_what_others_are_filling_leaves_nothing_that_counts(apps: list[Flask], caller: Caller, pets: Pets):
    def act(client: Any, number: int) -> TestResponse:
        body = {"api_token": caller.token, "project_name": "pets"}
        if number == 3:
            return client.patch("/upload/project", json=body)
        more = {"data_point_name": f"{number}", "image_data": encoded(picture()), "label_data": ""}
        return client.put("/upload/data_point", json={**body, **more})

    statuses = _statuses(together(apps, act))
    assert set(statuses) <= {200, 404}
    assert_problem(caller.call("POST", "/upload/project", project_name="pets"), 404)


def test_deleting_one_account_eight_times_at_once(apps: list[Flask], caller: Caller, pets: Pets, store: Store):
    body = {"username": "ada", "password": PASSWORD, "api_token": caller.token}
    statuses = _statuses(together(apps, lambda client, _: client.patch("/auth", json=body)))
    assert statuses[200] >= 1
    assert set(statuses) <= {200, 401}
    for name in ("users", "tokens", "projects", "images", "images.files", "images.chunks", "models"):
        assert store.database[name].count_documents({}) == 0, name


def test_over_real_connections_every_caller_gets_its_own_answers(session_app: Flask, store: Store):
    server = make_server("127.0.0.1", 0, session_app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    start = threading.Barrier(CLIENTS)
    tokens = [Caller(session_app.test_client(), f"user{number}").token for number in range(CLIENTS)]

    def live(number: int) -> list[tuple[int, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        project = {"api_token": tokens[number], "project_name": f"project{number}"}
        start.wait()
        answers = [_ask(connection, "PUT", "/upload/project", **project, project_type="detection")]
        answers += [_ask(connection, "PUT", "/upload/class_info", **project, class_info=f"c{number}")]
        answers += [_ask(connection, "POST", "/upload/project", **project) for _ in range(10)]
        connection.close()
        return answers

    try:
        with ThreadPoolExecutor(CLIENTS) as pool:
            lives = list(pool.map(live, range(CLIENTS)))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    for number, answers in enumerate(lives):
        assert {status for status, _ in answers} == {200}
        assert {body["project_name"] for _, body in answers if "project_name" in body} == {f"project{number}"}
        assert [body["classes"] for _, body in answers[2:]] == [[f"c{number}"]] * 10


def _ask(connection: http.client.HTTPConnection, method: str, path: str, **body: Any) -> tuple[int, Any]:
    connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())
