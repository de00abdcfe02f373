"""Moodle's backend in the main server: accounts of DIYML, models in its database, who sees what."""

from __future__ import annotations

import errno
import io
import os
import zipfile
from base64 import b64encode

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.moodle.answering import told
from api.moodle.application import build_moodle_app
from settings import Settings
from storage.store import Store
from storage.tokens import Scope
from tests.conftest import PASSWORD, Caller
from tests.moodle.data import labelled, samples

IDS = {"uniqueid": "m", "dirhash": "d"}


def _post(client: FlaskClient, user: str, password: str, path: str, content: bytes = b"", **form: str) -> TestResponse:
    credentials = b64encode(f"{user}:{password}".encode()).decode()
    files = {"importzip" if path == "/import" else "dataset": (io.BytesIO(content), "file")} if content else {}
    return client.post(path, data={**IDS, **form, **files}, headers={"Authorization": f"Basic {credentials}"})


def test_the_main_server_has_the_routes(client: FlaskClient):
    assert client.get("/version").text == "3.0.5"
    answer = client.post("/training", data=IDS)
    assert (answer.status_code, answer.text) == (401, "No user and/or password included in the request.")


def test_an_account_uses_its_token_or_its_password_and_sees_its_own_models(
    client: FlaskClient, caller: Caller, other: Caller, store: Store
):
    assert _post(client, "ada", caller.token, "/training", labelled(12)).json == {"status": 0, "info": []}
    rows = samples(2)[0]
    assert _post(client, "ada", PASSWORD, "/prediction", rows).json["status"] == 0
    assert _post(client, "grace", other.token, "/prediction", rows).json["status"] == 2
    assert _post(client, "grace", caller.token, "/prediction", rows).status_code == 401
    assert _post(client, "grace", other.token, "/deletemodel").text == "Ok"
    assert _post(client, "ada", caller.token, "/prediction", rows).json["status"] == 0
    credentials = b64encode(f"ada:{caller.token}".encode()).decode()
    exported = client.get("/export", query_string=IDS, headers={"Authorization": f"Basic {credentials}"})
    assert "model.json" in zipfile.ZipFile(io.BytesIO(exported.data)).namelist()
    assert _post(client, "grace", other.token, "/import", exported.data).text == "Ok"
    assert _post(client, "grace", other.token, "/prediction", rows).json["status"] == 0
    everything = client.get("/api/v1/me/export", headers={"Authorization": f"Bearer {caller.token}"}).data
    with zipfile.ZipFile(io.BytesIO(everything)) as archive:
        models = {name: archive.read(name) for name in archive.namelist() if name.startswith("moodle/")}
    assert exported.data in models.values()
    assert b'"uniqueid": "m"' in b"".join(models.values())
    gone = client.delete("/api/v1/me", json={"password": PASSWORD}, headers={"Authorization": f"Bearer {caller.token}"})
    assert gone.status_code == 204
    assert len(list(store.moodle_objects.held())) == 1


def test_a_token_must_be_good_for_what_is_asked(client: FlaskClient, caller: Caller, store: Store):
    token = store.tokens.create(store.users.find("ada").id, frozenset({Scope.INFER}))
    assert _post(client, "ada", token, "/prediction", samples(1)[0]).json["status"] == 2
    refused = _post(client, "ada", token, "/training", labelled(12))
    assert refused.status_code == 403
    assert "not for train" in refused.text


def test_wrong_passwords_are_throttled(client: FlaskClient, caller: Caller, settings: Settings):
    for _ in range(settings.login_attempts):
        answer = _post(client, "ada", "wrong password", "/deletemodel")
        assert (answer.status_code, answer.text) == (401, "Incorrect user and/or password provided by Moodle.")
    answer = _post(client, "ada", "wrong password", "/deletemodel")
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)


def test_a_backend_without_users_says_so(tmp_path):
    settings = Settings(moodle_dir=str(tmp_path), moodle_idle_seconds=0)
    client = build_moodle_app(lambda: settings, lambda given: given).test_client()
    assert client.get("/version").text == "3.0.5"
    answer = _post(client, "ada", "x", "/deletemodel")
    assert answer.status_code == 503
    assert "MOODLE_MLBACKEND_PYTHON_USERS" in answer.text


@pytest.mark.parametrize(
    ("limits", "status", "sentence"),
    [
        ({"moodle_request_bytes": 100}, 413, "may have 100 bytes (DIYML_MOODLE_REQUEST_BYTES)"),
        ({"moodle_seconds": 1.0}, 400, "longer than the 1 s"),
        ({"moodle_memory_bytes": 1024 * 1024}, 400, "more than the 1,048,576 bytes of memory"),
    ],
)
def test_what_takes_too_much_is_ended_and_told(tmp_path, limits, status: int, sentence: str):
    settings = Settings(moodle_dir=str(tmp_path), moodle_users="moodle:secret", moodle_idle_seconds=0, **limits)
    client = build_moodle_app(lambda: settings, lambda given: given).test_client()
    wish = {"minscore": "0", "maxdeviation": "1", "niterations": "1000"}
    answer = _post(client, "moodle", "secret", "/evaluation", labelled(400), **wish)
    assert answer.status_code == status
    assert sentence in answer.text


def test_where_files_cannot_be_put_is_told(tmp_path):
    settings = Settings(
        moodle_dir=str(tmp_path),
        moodle_users="moodle:secret",
        moodle_idle_seconds=0,
        moodle_temp_dir=str(tmp_path / "no"),
    )
    client = build_moodle_app(lambda: settings, lambda given: given).test_client()
    answer = _post(client, "moodle", "secret", "/training", labelled(9))
    assert answer.status_code == 503
    assert "No such file or directory" in answer.text
    assert "MOODLE_MLBACKEND_TEMPDIR" in answer.text
    assert str(tmp_path) not in answer.text


def test_a_full_disk_is_told():
    app = build_moodle_app(Settings, lambda given: given)
    with app.test_request_context():
        answer = told(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert answer.status_code == 503
    assert b"No space left on device" in answer.data


def test_a_model_that_was_damaged_where_it_lies_is_no_fault_of_who_asks(tmp_path):
    settings = Settings(moodle_dir=str(tmp_path), moodle_users="moodle:secret", training_niceness=0)
    client = build_moodle_app(lambda: settings, lambda given: given).test_client()
    assert _post(client, "moodle", "secret", "/training", labelled(9)).json["status"] == 0
    (kept,) = tmp_path.rglob("model")
    kept.write_bytes(kept.read_bytes()[:500])
    for path, content in {"/prediction": samples(1)[0], "/training": labelled(9)}.items():
        answer = _post(client, "moodle", "secret", path, content)
        assert answer.status_code == 409
        assert "the model that is kept is damaged" in answer.text
    assert _post(client, "moodle", "secret", "/deletemodel").status_code == 200
    assert _post(client, "moodle", "secret", "/training", labelled(9)).json["status"] == 0


def test_a_setting_that_cannot_be_understood_is_told(tmp_path):
    settings = Settings(moodle_dir=str(tmp_path), moodle_users="moodle")
    client = build_moodle_app(lambda: settings, lambda given: given).test_client()
    answer = _post(client, "moodle", "x", "/deletemodel")
    assert answer.status_code == 503
    assert "entry 1 must be name:password" in answer.text
