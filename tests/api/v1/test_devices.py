"""What there is to train on, and jobs that ask for one kind of it."""

from __future__ import annotations

import pytest

from storage.device import A_CPU
from storage.lineup import NO_DEVICE, NO_WORKER
from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import assert_problem
from tests.api.v1.test_jobs import get
from tests.conftest import Caller
from tests.storage.test_workers import GPUS, THE_CPU, age, announce


def test_devices_are_told_by_kind_with_how_many_are_free_and_without_their_machines(
    caller: Caller, pets: Pets, store: Store
):
    announce(store, "w", THE_CPU, *GPUS)
    announce(store, "killed", THE_CPU)
    age(store, "killed", 60)
    assert store.job_runs.claim("w", GPUS[1])
    response = get(caller, "/api/v1/devices")
    assert response.json == {
        "items": [
            {"kind": "cpu", "count": 1, "free": 1, "names": ["a processor"]},
            {"kind": "gpu", "count": 2, "free": 1, "names": ["a GPU"]},
        ],
        "next": None,
    }
    assert "host" not in response.text
    assert_problem(get(caller, "/api/v1/devices", color="red"), 400, "color")


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/train"])
def test_a_training_asks_for_a_device_and_is_told_when_there_is_none(
    caller: Caller, pets: Pets, store: Store, path: str
):
    store.jobs.cancel(pets.job.id)
    classic = {"train_split": 0.8, "epochs": 1} if path == "/train" else {}
    answer = caller.call("PUT" if classic else "POST", path, project_name="pets", device="gpu", **classic)
    job = f"/api/v1/jobs/{answer.json['job_id']}"
    assert get(caller, job).json["device"] == "gpu"
    assert get(caller, job).json["queue"] == {"position": 1, "expected_start": None, "reason": NO_WORKER}
    announce(store, "w", A_CPU)
    queue = {"position": 1, "expected_start": None, "reason": NO_DEVICE[GPUS[0].kind]}
    assert get(caller, job).json["queue"] == queue
    announce(store, "v", GPUS[0])
    assert get(caller, job).json["queue"]["reason"] is None
    assert get(caller, job).json["queue"]["expected_start"]
    assert store.job_runs.claim("w") is None
    assert store.job_runs.claim("v", GPUS[0])
    assert get(caller, job).json["ran_on"] == {"kind": "gpu", "name": "a GPU"}


def test_a_device_that_is_none_is_400_in_the_classic_contract_too(caller: Caller, pets: Pets):
    answer = caller.call("PUT", "/train", project_name="pets", train_split=0.8, epochs=1, device="tpu")
    assert_problem(answer, 400, "'any', 'cpu' or 'gpu', got 'tpu'")
