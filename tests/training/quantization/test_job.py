"""A real worker makes an int8 version of a served model, and a person goes back to the one before."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from bson import ObjectId
from werkzeug.test import TestResponse

from storage.job import Job, JobState
from storage.leftovers import LEFTOVERS
from storage.store import Store
from storage.sweeper import sweep
from tests.api.problems import assert_problem
from tests.conftest import Caller, encoded, wait_until
from tests.storage.test_sweeper import AT_ONCE
from tests.training.conftest import shade, start_training, wait_for


def get(caller: Caller, path: str) -> TestResponse:
    return caller._client.get(path, headers={"Authorization": f"Bearer {caller.token}"})


def predict(caller: Caller, project: str, brightness: int) -> TestResponse:
    return caller.call("POST", f"/api/v1/published/{project}/predict", image=encoded(shade(brightness, 7)))


def answer_of_version(caller: Caller, project: str, brightness: int, version: int) -> dict[str, Any] | None:
    """What a version says; None while another one answers still, for a second at most."""
    answer = predict(caller, project, brightness).json
    return answer if answer["model"]["version"] == version else None


def assert_dark_and_bright_are_told_apart(caller: Caller, project: str, version: int) -> None:
    for name, brightness in (("dark", 40), ("bright", 210)):
        answer = wait_until(partial(answer_of_version, caller, project, brightness, version))
        assert answer["results"][0]["predictions"][0]["class"] == name


@contextmanager
def asked_all_the_time(caller: Caller, project: str) -> Iterator[None]:
    """While the block runs, somebody predicts without a pause; fails the test when one of the calls fails."""
    ended, statuses = threading.Event(), set()

    def ask() -> None:
        while True:
            statuses.add(predict(caller, project, 90).status_code)
            if ended.wait(0.05):
                return

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert statuses == {200}


@pytest.fixture
def trained(caller: Caller, store: Store, shades: str, worker: subprocess.Popen[bytes]) -> Job:
    """The training of a published project."""
    job = wait_for(store, start_training(caller, shades, epochs=6), "succeeded", "failed")
    assert job.state is JobState.SUCCEEDED, job.error
    assert caller.call("PUT", "/publish", project_name=shades, is_published="True").status_code == 200
    return job


@pytest.mark.story
def test_a_published_model_is_had_in_int8_and_back(
    caller: Caller, other: Caller, store: Store, shades: str, trained: Job
) -> None:
    url = f"/api/v1/models/{trained.model_id}"
    assert get(caller, url).json["precision"] == "float32"
    assert_problem(other.call("POST", f"{url}/quantize"), 404)
    assert_problem(caller.call("POST", f"{url}/quantize", force="perhaps"), 400, "force")
    # Whatever has become of the project since: the model's own data count.
    assert caller.call("PUT", "/upload/class_info", project_name=shades, class_info="bright").status_code == 200

    with asked_all_the_time(other, shades):
        answer = caller.call("POST", f"{url}/quantize", force=True)
        assert answer.status_code == 202, answer.json
        job_url, job_id = answer.headers["Location"], ObjectId(answer.json["job_id"])
        assert answer.json["quantizes"] == str(trained.model_id)
        job = wait_for(store, job_id, "succeeded", "failed")
        assert job.state is JobState.SUCCEEDED, job.error
        assert_dark_and_bright_are_told_apart(other, shades, version=2)

    model = get(other, f"/api/v1/models/{job.model_id}").json
    facts = model["quantization"]
    assert (model["precision"], model["version"], facts["from_version"]) == ("int8", 2, 1)
    assert facts["from_model"] == str(trained.model_id)
    assert [file["name"] for file in model["files"]] == ["model.onnx"]
    shown = get(caller, job_url).json
    assert shown["metrics"]["accuracy"] == facts["int8"]
    assert shown["stopped_after_epoch"] is None
    assert [row["difference_points"] for row in shown["history"]] == [facts["difference_points"]]
    assert any("points" in line for line in shown["log"])
    record = get(caller, shown["record_url"]).json
    assert record["model"]["quantization"] == facts
    assert record["dataset"]["digest"] == get(caller, f"{url}").json["card"]["dataset"]["digest"]

    assert_problem(caller.call("POST", f"/api/v1/models/{job.model_id}/quantize"), 409, "int8 already", "version 1")
    assert_problem(caller.call("POST", f"{job_url}/repeat"), 409, f"{url}/quantize")
    assert_problem(other.call("POST", f"{url}/serve"), 404)
    with asked_all_the_time(other, shades):
        back = caller.call("POST", f"{url}/serve")
        assert (back.status_code, back.json["version"]) == (200, 1)
        assert_dark_and_bright_are_told_apart(other, shades, version=1)
        assert caller.call("POST", f"/api/v1/models/{job.model_id}/serve").status_code == 200
        assert_dark_and_bright_are_told_apart(other, shades, version=2)
    assert sweep(store, AT_ONCE) == {kind.name: 0 for kind in LEFTOVERS}
    assert caller.call("PATCH", "/upload/project", project_name=shades).status_code == 200
    assert store.database["artifacts.files"].count_documents({}) == 0
