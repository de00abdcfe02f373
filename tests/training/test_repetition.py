"""A real worker trains again what a job has recorded, whatever has become of the project."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from bson import ObjectId

from storage.job import Job, JobState
from storage.store import Store
from storage.sweeper import sweep
from tests.api.problems import assert_problem
from tests.conftest import Caller
from tests.storage.test_sweeper import AT_ONCE
from tests.training.conftest import shade, start_training, wait_for


def get(caller: Caller, path: str) -> Any:
    response = caller._client.get(path, headers={"Authorization": f"Bearer {caller.token}"})
    assert response.status_code == 200, response.text
    return response.json


def assert_the_record_says_what_it_was_made_from_and_in(caller: Caller, store: Store, job: Job) -> None:
    record = get(caller, get(caller, f"/api/v1/jobs/{job.id}")["record_url"])
    assert (record["seed"], record["params"]["epochs"], record["repeats"], record["difference"]) == (0, 2, None, None)
    data, dataset = get(caller, record["dataset"]["url"]), record["dataset"]
    assert data["digest"] == dataset["digest"] == store.models.get(job.result).card["dataset"]["digest"]
    parts = [row["split"] for row in data["images"]]
    assert (parts.count("train"), parts.count("val")) == (dataset["train_images"], dataset["val_images"]) == (10, 2)
    classes = {item["id"]: item["name"] for item in data["classes"]}
    labels = {row["name"]: classes[row["labels"][0]["class_id"]] for row in data["images"]}
    assert labels == {f"{number}.png": "dark" if number % 2 else "bright" for number in range(12)}
    stored = {row["name"]: (str(row["_id"]), row["sha256"]) for row in store.database["images"].find()}
    assert {row["name"]: (row["id"], row["sha256"]) for row in data["images"]} == stored
    environment = record["environment"]
    assert {"python", "torch", "torchvision", "onnx", "onnxruntime", "numpy"} <= environment["libraries"].keys()
    assert environment["device"]["kind"] in ("cpu", "gpu")
    assert environment["device"]["threads"] >= 1
    assert len(environment["code_sha256"]) == 64
    model = record["model"]
    assert (model["pretrained"], model["pretrained_sha256"]) == (False, None)
    assert model["params"]["image_size"] == 32
    assert len(model["files"]["model.onnx"]) == 64


@pytest.mark.story
def test_a_training_is_repeated_to_the_last_digit_whatever_has_become_of_the_project(
    caller: Caller, other: Caller, store: Store, shades: str, worker: subprocess.Popen[bytes]
) -> None:
    first = wait_for(store, start_training(caller, shades), "succeeded", "failed")
    assert first.state is JobState.SUCCEEDED, first.error
    assert_the_record_says_what_it_was_made_from_and_in(caller, store, first)
    project = caller.call("POST", "/upload/project", project_name=shades).json

    # A label, a name, the place of a file and the classes change; the contents of the images do not.
    assert caller.place(shades, "0.png", "dark", shade(200, 0)).status_code == 200
    assert caller.call("PATCH", "/upload/data_point", project_name=shades, data_point_name="1.png").status_code == 200
    assert caller.place(shades, "another name.png", "dark", shade(50, 1)).status_code == 200
    assert caller.place(shades, "new.png", "dark", shade(50, 99)).status_code == 200
    assert caller.call("PUT", "/upload/class_info", project_name=shades, class_info="bright").status_code == 200
    answer = caller.call("POST", f"/api/v1/jobs/{first.id}/repeat")
    assert answer.status_code == 202, answer.json
    assert (answer.json["repeats"], answer.json["difference"]) == (str(first.id), None)
    again = wait_for(store, ObjectId(answer.json["job_id"]), "succeeded", "failed")
    assert again.state is JobState.SUCCEEDED, again.error
    assert (again.repeats, again.params) == (first.id, first.params)

    url, before = f"/api/v1/jobs/{again.id}", f"/api/v1/jobs/{first.id}"
    record, original = get(caller, f"{url}/record"), get(caller, f"{before}/record")
    assert record["dataset"]["digest"] == original["dataset"]["digest"]
    assert get(caller, record["dataset"]["url"]) == get(caller, original["dataset"]["url"])
    assert record["environment"] == original["environment"]
    assert record["model"]["metrics"] == original["model"]["metrics"]
    found = get(caller, url)["difference"]
    assert found["summary"] == "the same to the last digit; the ONNX file is identical"
    assert found == record["difference"]
    assert get(caller, before)["difference"] is None

    served = caller.call("POST", "/upload/project", project_name=shades).json
    assert served["current_url"] == project["current_url"] == f"/api/v1/models/{first.model_id}"
    assert get(caller, f"/api/v1/models/{again.model_id}")["version"] == 2

    assert caller.call("PATCH", "/upload/data_point", project_name=shades, data_point_name="5.png").status_code == 200
    refused = caller.call("POST", f"{before}/repeat")
    assert_problem(refused, 409, "1 of the 12 images", "'5.png'", "plain training")
    assert_problem(other.call("POST", f"{before}/repeat"), 404)
    assert sweep(store, AT_ONCE)["artifacts"] == 0
    assert get(caller, f"{before}/record/dataset")["images"]
    assert caller.call("PATCH", "/upload/project", project_name=shades).status_code == 200
    assert store.database["artifacts.files"].count_documents({}) == 0
