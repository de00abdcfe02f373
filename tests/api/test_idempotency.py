"""A call that is repeated with its Idempotency-Key has one effect, and the answer it had the first time."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.idempotency import MOST_KEPT_BYTES, fingerprint, once
from api.routes import ROUTES
from settings import Settings
from storage.idempotency import Idempotency
from storage.projects import Projects
from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import BODIES, FILES, REQUESTS, WEBHOOKS, assert_problem, fill
from tests.api.problems import PROJECT as PROJECT_PATH
from tests.api.test_concurrency import apps, together  # noqa: F401  # a fixture
from tests.conftest import PASSWORD, ROOT, Caller, encoded, picture, wait_until
from tests.inference.models import store_brightness_model
from tests.launch.program import free_port
from utils import Conflict, InvalidInput, Unavailable

WRITES = [
    (method, route.path) for route in ROUTES for method, access in route.access.items()
    if not access.is_public and method not in ("GET", "HEAD")
]  # fmt: skip
# These ask for an ended training, so they have their tests in tests/training, test_recording.py and quantization.
OF_AN_ENDED_TRAINING = {
    ("POST", "/api/v1/jobs/<job_id>/repeat"), ("POST", "/api/v1/models/<model_id>/quantize"),
    ("POST", "/api/v1/models/<model_id>/serve"),
    # And this for an MLflow: tests/tracking.
    ("POST", "/api/v1/projects/<project>/models/load"),
}  # fmt: skip
# These verbs change nothing with the parameters that tests/api/problems.py has for them.
READS = {
    ("POST", "/upload/project"), ("POST", "/upload/data_point"), ("POST", "/upload/class_info"),
    ("POST", "/data_analysis"), ("POST", "/api/v1/published/<project>/predict"),
}  # fmt: skip
# After these the token is good no more.
ENDING = {("PATCH", "/auth"), ("DELETE", "/api/v1/me"), ("DELETE", "/api/v1/login")}
# These ask for another member or another token: see tests/api/v1/test_members.py and test_tokens.py.
OF_OTHERS = {
    ("PUT", f"{PROJECT_PATH}/members/<username>"), ("DELETE", f"{PROJECT_PATH}/members/<username>"),
    ("POST", f"{PROJECT_PATH}/transfer"), ("DELETE", "/api/v1/tokens/<token_id>"), ("POST", "/api/v1/tokens"),
}  # fmt: skip
# These ask for another version of the model: see tests/api/v1/test_serving.py.
OF_OTHER_VERSIONS = {
    ("DELETE", "/api/v1/models/<model_id>"), ("POST", f"{PROJECT_PATH}/promote"), ("POST", f"{PROJECT_PATH}/rollback")
}  # fmt: skip
# These ask for an ended import, or for other bodies than JSON: see tests/api/v1/test_import_upload.py, test_imports.py,
# test_images.py and tests/training/capsule.
OF_FILES = {
    ("POST", "/api/v1/imports/<import_id>/retry"), ("PATCH", "/api/v1/imports/<import_id>/data"),
    ("POST", "/api/v1/capsules"), *BODIES,
}  # fmt: skip
# These ask for a project with a table: see tests/api/v1/test_tables.py.
OF_TABLES = {("PATCH", f"{PROJECT_PATH}/table"), ("DELETE", f"{PROJECT_PATH}/table")}
# These ask for time series and a stream, for a table and a model of it, or for somebody to tell: see
# tests/api/v1/test_streams.py, test_prediction_jobs.py, test_alerts.py and test_series_story.py.
STREAM, PREDICTION = f"{PROJECT_PATH}/stream", "/api/v1/prediction-jobs/<prediction_job_id>"
OF_ROWS = {
    ("POST", f"{PROJECT_PATH}/rows"), ("PUT", STREAM), ("DELETE", STREAM), ("POST", f"{STREAM}/rows"),
    ("DELETE", f"{STREAM}/dead-letters/<letter_id>"), ("POST", f"{STREAM}/dead-letters/<letter_id>/resend"),
    ("POST", "/api/v1/published/<project>/prediction-jobs"), ("PATCH", f"{PREDICTION}/data"), ("DELETE", PREDICTION),
    ("DELETE", f"{PREDICTION}/data"), ("POST", f"{PREDICTION}/cancel"),
    ("POST", f"{PROJECT_PATH}/alerts/<rule_id>/test"), ("POST", "/api/v1/published/<project>/figures"),
}  # fmt: skip
# What is told, instead of the answer that was never kept, to whoever asks again: it has been done.
TOLD_SO = {("POST", f"{PROJECT_PATH}/classes"): 409, ("POST", "/api/v1/me/password"): 401}
CONFIRM = ("POST", "/api/v1/me/email/confirm")  # with the code of a mail: see tests/api/v1/test_me.py
SECRETS = {("POST", WEBHOOKS), ("POST", f"{WEBHOOKS}/<webhook_id>/rotate-secret")}
OTHERS = (
    {CONFIRM}
    | ENDING
    | OF_OTHERS
    | OF_OTHER_VERSIONS
    | OF_FILES
    | OF_TABLES
    | OF_ROWS
    | set(FILES)
    | OF_AN_ENDED_TRAINING
    | SECRETS
)
KEPT = set(WRITES) - OTHERS
# What may happen twice when a process is killed after the work and before the answer is kept.
TWICE = {
    ("POST", "/inference"), ("POST", f"{WEBHOOKS}/<webhook_id>/test"),
}  # fmt: skip
PROJECT = {"project_name": "pets", "project_type": "detection"}


def send(client: FlaskClient, token: str, method: str, path: str, key: str, /, **body: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    return client.open(path, method=method, json=body, headers=headers)


def replayed(response: TestResponse) -> bool:
    return response.headers.get("Idempotency-Replayed") == "true"


@pytest.mark.parametrize(("method", "path"), sorted(KEPT))
def test_every_call_that_changes_something_gives_its_first_answer_again(
    client: FlaskClient, caller: Caller, pets: Pets, store: Store, method: str, path: str
):
    store.jobs.cancel(pets.job.id)
    if path == "/inference" or path.endswith("/predict"):
        store_brightness_model(store, pets.project)
        store.projects.publish(pets.project, True)
    where = fill(path, **pets.ids)
    first = send(client, caller.token, method, where, "k", **REQUESTS[method, path])
    again = send(client, caller.token, method, where, "k", **REQUESTS[method, path])
    assert first.status_code < 300, first.text
    assert not replayed(first)
    assert (again.status_code, again.mimetype) == (first.status_code, first.mimetype)
    assert again.headers.get("Location") == first.headers.get("Location")
    assert replayed(again) == ((method, path) not in READS)
    assert again.data == first.data or not replayed(again)


@pytest.mark.parametrize(("method", "path"), sorted(KEPT - READS - TWICE))
def test_a_call_made_again_because_its_answer_was_never_kept_changes_nothing_more(
    client: FlaskClient, caller: Caller, pets: Pets, store: Store, method: str, path: str, monkeypatch
):
    monkeypatch.setattr(Idempotency, "keep", lambda keys, claim, _: keys.release(claim))  # as if killed, a minute ago
    store.jobs.cancel(pets.job.id)
    where = fill(path, **pets.ids)
    first = send(client, caller.token, method, where, "k", **REQUESTS[method, path])
    names = set(store.database.list_collection_names()) - {"idempotency"}
    counts = {name: store.database[name].count_documents({}) for name in names}
    again = send(client, caller.token, method, where, "k", **REQUESTS[method, path])
    gone = method in ("PATCH", "DELETE") and again.status_code == 404
    assert gone or again.status_code == TOLD_SO.get((method, path), first.status_code)
    assert counts == {name: store.database[name].count_documents({}) for name in names}
    if again.status_code < 300 and again.data and again.json:
        assert again.json.get("job_id") == first.json.get("job_id")
        assert again.json.get("project_id") == first.json.get("project_id")


@pytest.mark.parametrize(("method", "path"), sorted(SECRETS))
def test_an_answer_with_a_secret_is_not_kept_and_the_call_has_one_effect(
    client: FlaskClient, caller: Caller, pets: Pets, store: Store, method: str, path: str
):
    first = send(client, caller.token, method, fill(path, **pets.ids), "k", **REQUESTS[method, path])
    webhooks = list(store.database["webhooks"].find())
    again = send(client, caller.token, method, fill(path, **pets.ids), "k", **REQUESTS[method, path])
    assert first.json["secret"].startswith("whsec_")
    assert_problem(again, 409, "was carried out")
    assert list(store.database["webhooks"].find()) == webhooks


@pytest.mark.parametrize(("path", "more"), [
    ("/upload/data_point", {"data_point_name": "a", "image_data": encoded(picture()), "label_data": "cat"}),
    ("/upload/class_info", {"class_info": "cat|fox"}),
])  # fmt: skip
def test_a_post_that_places_something_counts_as_a_change(client, caller: Caller, pets: Pets, path: str, more: dict):
    body = {"project_name": "pets", **more}
    assert send(client, caller.token, "POST", path, "k", **body).status_code == 200
    assert replayed(send(client, caller.token, "POST", path, "k", **body))


def test_of_eight_calls_at_once_one_has_an_effect(apps: list[Flask], caller: Caller, store: Store):  # noqa: F811
    answers = together(apps, lambda client, _: send(client, caller.token, "PUT", "/upload/project", "k", **PROJECT))
    succeeded = [answer for answer in answers if answer.status_code == 200]
    assert len({answer.data for answer in succeeded}) == 1
    assert sum(not replayed(answer) for answer in succeeded) == 1
    for answer in set(answers) - set(succeeded):
        assert_problem(answer, 409, "still under way")
        assert int(answer.headers["Retry-After"]) >= 1
    assert store.database["projects"].count_documents({}) == 1
    assert store.database["idempotency"].count_documents({}) == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/upload/project", {**PROJECT, "project_name": "other"}),
        ("PUT", "/upload/project", {**PROJECT, "more": 1}),
        ("PUT", "/upload/project?a=b", PROJECT),
        ("PATCH", "/upload/project", PROJECT),
        ("PUT", "/train", PROJECT),
    ],
)
def test_the_same_key_with_another_request_is_422(client, caller: Caller, method: str, path: str, body: dict):
    assert send(client, caller.token, "PUT", "/upload/project", "k", **PROJECT).status_code == 200
    assert_problem(send(client, caller.token, method, path, "k", **body), 422, "another request")


def test_the_same_wish_is_the_same_request_in_any_order_and_with_any_token_of_the_user(
    client: FlaskClient, caller: Caller
):
    first = send(client, caller.token, "PUT", "/upload/project", "k", **PROJECT)
    newer = client.post("/auth", json={"username": "ada", "password": PASSWORD}).json["api_token"]
    body = {**dict(reversed(PROJECT.items())), "api_token": newer}
    again = client.put("/upload/project", data=body, headers={"Idempotency-Key": "k"})
    assert (again.data, replayed(again)) == (first.data, True)


def test_a_key_belongs_to_its_user(client: FlaskClient, caller: Caller, other: Caller):
    first = send(client, caller.token, "PUT", "/upload/project", "k", **PROJECT)
    second = send(client, other.token, "PUT", "/upload/project", "k", **{**PROJECT, "project_name": "more"})
    assert (first.status_code, second.status_code, replayed(second)) == (200, 200, False)


def test_what_was_refused_may_be_asked_again_with_the_same_key(client: FlaskClient, caller: Caller, other: Caller):
    other.project("pets")
    assert_problem(send(client, caller.token, "PUT", "/upload/project", "k", **PROJECT), 409, "taken")
    bettered = {**PROJECT, "project_name": "my pets"}
    assert send(client, caller.token, "PUT", "/upload/project", "k", **bettered).status_code == 200


def test_after_a_failure_of_ours_the_call_is_made_again_and_finds_what_it_had_made(
    client: FlaskClient, caller: Caller, store: Store, monkeypatch: pytest.MonkeyPatch
):
    create = Projects.create

    def made_but_not_told(*arguments: Any) -> None:
        create(*arguments)
        raise Unavailable("the database does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(Projects, "create", made_but_not_told)
        assert_problem(send(client, caller.token, "PUT", "/upload/project", "k", **PROJECT), 503)
        assert_problem(send(client, caller.token, "PUT", "/upload/project", "k", **{**PROJECT, "more": 1}), 422)
    again = send(client, caller.token, "PUT", "/upload/project", "k", **PROJECT)
    assert (again.status_code, replayed(again)) == (200, False)
    assert again.json["project_id"] == str(store.database["projects"].find_one()["_id"])
    assert replayed(send(client, caller.token, "PUT", "/upload/project", "k", **PROJECT))


@pytest.mark.parametrize("key", ["", "x" * 256, "schl\xfcssel", "a\tb"])
def test_a_key_that_is_none_is_400_and_nothing_happens(client: FlaskClient, caller: Caller, store: Store, key: str):
    answer = send(client, caller.token, "PUT", "/upload/project", key, **PROJECT)
    assert_problem(answer, 400, "Idempotency-Key must be 1 to 255 printable ASCII characters")
    assert store.database["projects"].count_documents({}) == 0


@pytest.mark.parametrize("key", ["x" * 255, "$where", '"8e03978e"', "a b,{c}.d"])
def test_any_printable_key_will_do(client: FlaskClient, caller: Caller, key: str):
    assert send(client, caller.token, "PUT", "/upload/project", key, **PROJECT).status_code == 200
    assert replayed(send(client, caller.token, "PUT", "/upload/project", key, **PROJECT))


def test_accounts_take_no_key_so_that_no_token_is_kept(client: FlaskClient, caller: Caller, store: Store):
    body, headers = {"username": "ada", "password": PASSWORD}, {"Idempotency-Key": "k"}
    tokens = {client.post("/auth", json=body, headers=headers).json["api_token"] for _ in range(2)}
    assert len(tokens) == 2
    assert store.database["idempotency"].count_documents({}) == 0


@pytest.mark.parametrize(
    "answer", [{"api_token": "hidden"}, {"of": {"secret": "hidden"}}, {"x": "." * MOST_KEPT_BYTES}]
)
def test_an_answer_that_is_secret_or_large_is_not_kept_and_the_call_not_made_twice(
    session_app: Flask, caller: Caller, store: Store, answer: dict
):
    user = store.users.find("ada")
    with session_app.test_request_context("/things", method="PUT"):
        assert once(store.idempotency, user, "k", {}, lambda _: answer).json == answer
        with pytest.raises(Conflict, match="was carried out, and its answer is not kept"):
            once(store.idempotency, user, "k", {}, lambda _: answer)
    assert store.database["idempotency"].find_one()["answer"] is None


def test_parameters_that_are_nested_too_deeply_are_400(session_app: Flask):
    nested: list[Any] = []
    for _ in range(10_000):
        nested = [nested]
    with session_app.test_request_context(), pytest.raises(InvalidInput, match="nested too deeply"):
        fingerprint({"params": nested})


def test_keys_go_with_the_account(client: FlaskClient, caller: Caller, other: Caller, store: Store):
    send(client, caller.token, "PUT", "/upload/project", "k", **PROJECT)
    send(client, other.token, "PUT", "/upload/project", "k", **{**PROJECT, "project_name": "more"})
    gone = send(client, caller.token, "PATCH", "/auth", "end", username="ada", password=PASSWORD)
    assert gone.status_code == 200
    left = store.users.find("grace")
    assert [row["user_id"] for row in store.database["idempotency"].find()] == [left.id]


def test_browsers_may_send_the_key_and_see_that_an_answer_is_an_old_one(client: FlaskClient):
    origin = {"Origin": "http://localhost:3000"}
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "idempotency-key"}
    response = client.options("/train", headers={**origin, **asked})
    assert response.headers["Access-Control-Allow-Headers"] == "idempotency-key"
    assert "Idempotency-Replayed" in client.get("/health", headers=origin).headers["Access-Control-Expose-Headers"]


# The web server as it is run, except that its process is killed once, after the work and before the answer is kept.
KILLED_ONCE = """
import os, signal, sys
from launch.web import WebServer
from storage.idempotency import Idempotency
from settings import Settings
keep = Idempotency.keep
def killed(*arguments):
    if os.path.exists(sys.argv[1]):
        os.unlink(sys.argv[1])
        os.kill(os.getpid(), signal.SIGKILL)
    keep(*arguments)
Idempotency.keep = killed
WebServer(Settings.from_environment()).run()
"""


def test_a_training_whose_web_process_was_killed_before_it_answered_is_found_again(
    caller: Caller, pets: Pets, store: Store, settings: Settings, tmp_path: Path
):
    store.jobs.cancel(pets.job.id)
    port, flag = free_port(), tmp_path / "kill"
    flag.touch()
    environment = {**os.environ, **settings.to_environment(), "DIYML_PORT": str(port), "DIYML_WEB_WORKERS": "1"}
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-c", KILLED_ONCE, str(flag)]
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    body = {"api_token": caller.token, "project_name": "pets", "train_split": 0.8, "epochs": 1}

    def train() -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
        try:
            connection.request("PUT", "/train", json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except ConnectionRefusedError:
            return 0, {}
        finally:
            connection.close()

    try:
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            wait_until(lambda: train()[0], 60)
        job = store.database["jobs"].find_one({"state": "queued"})
        status, told = wait_until(lambda: answer if (answer := train())[0] else None, 60)
        assert (status, told["type"]) == (409, "urn:diyml:problem:conflict")
        assert "still under way" in told["detail"]
        store.database["idempotency"].update_one({}, [{"$set": {"lease_until": "$$NOW"}}])
        status, told = train()
        assert (status, told["job_id"]) == (200, str(job["_id"]))
        assert store.database["jobs"].count_documents({}) == 2  # with the one of the fixture
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
