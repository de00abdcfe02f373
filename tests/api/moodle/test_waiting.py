"""Signs of life: what comes before an answer that takes long, and how it is told what went wrong meanwhile."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api.moodle.application import build_moodle_app
from settings import Settings
from tests.conftest import wait_until
from tests.moodle.data import labelled, samples

IDS = {"uniqueid": "m", "dirhash": "d"}
WISH = {"minscore": "0.5", "maxdeviation": "0.5", "niterations": "2"}
PAUSE_SECONDS = 0.001


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """Of a backend that has no patience."""
    folder = tmp_path_factory.mktemp("models")
    settings = Settings(moodle_dir=str(folder), moodle_users="a:b", moodle_alive_seconds=PAUSE_SECONDS)
    return build_moodle_app(lambda: settings, lambda given: given).test_client()


def _post(client: FlaskClient, path: str, content: bytes, **form: str) -> tuple[int, str]:
    credentials = {"Authorization": f"Basic {b64encode(b'a:b').decode()}"}
    answer = client.post(path, data={**IDS, **form, "dataset": (io.BytesIO(content), "file")}, headers=credentials)
    return answer.status_code, answer.text


def test_blanks_come_before_an_answer_that_takes_long(client: FlaskClient):
    status, text = _post(client, "/training", labelled(12))
    assert (status, text.strip()) == (200, '{"status": 0, "info": []}')
    assert text.startswith("  ")
    status, text = _post(client, "/evaluation", labelled(30), **WISH)
    assert (status, text[0], json.loads(text)["dir"]) == (200, " ", "d")


def test_what_goes_wrong_after_the_first_blank_is_told_in_the_answer(client: FlaskClient):
    status, text = _post(client, "/training", labelled(12).replace(b",1\n", b",x\n", 1))
    assert (status, json.loads(text)["status"]) == (200, 1)
    assert "the target holds 'x'" in json.loads(text)["info"][0]
    status, text = _post(client, "/evaluation", b"no data file", **WISH)
    answer = json.loads(text)
    assert (status, answer["status"], type(answer["runid"])) == (200, 1, int)


def test_an_evaluation_ends_when_who_asked_has_gone_and_a_training_does_not(client: FlaskClient):
    for path, wish in {"/evaluation": {**WISH, "niterations": "1000"}, "/training": {}}.items():
        credentials = {"Authorization": f"Basic {b64encode(b'a:b').decode()}"}
        form = {"uniqueid": "gone", "dirhash": "d", **wish, "dataset": (io.BytesIO(labelled(3000)), "file")}
        answer = client.post(path, data=form, headers=credentials, buffered=False)
        assert next(answer.iter_encoded()) == b" "
        answer.close()
    # Otherwise this one would wait its turn for minutes.
    wait_until(lambda: json.loads(_post(client, "/prediction", samples(1)[0], uniqueid="gone")[1])["status"] == 0, 60)


def test_what_is_wrong_with_the_request_itself_has_its_status(client: FlaskClient):
    status, text = _post(client, "/evaluation", labelled(12), **{**WISH, "niterations": "0"})
    assert (status, text[:11]) == (400, "niterations")


def test_nothing_is_left_of_the_files_that_were_sent(client: FlaskClient, tmp_path: Path):
    settings = Settings(
        moodle_dir=str(tmp_path / "models"),
        moodle_temp_dir=str(tmp_path),
        moodle_users="a:b",
        moodle_alive_seconds=PAUSE_SECONDS,
        moodle_idle_seconds=0,
    )
    other = build_moodle_app(lambda: settings, lambda given: given).test_client()
    assert _post(other, "/training", labelled(12).replace(b",1\n", b",0\n"))[0] == 200
    assert [path.name for path in tmp_path.iterdir() if (path / "dataset").exists()] == []
