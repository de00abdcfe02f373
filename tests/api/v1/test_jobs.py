from __future__ import annotations

import pytest

from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import assert_problem
from tests.conftest import Caller


def test_the_owner_sees_a_job_whole(caller: Caller, pets: Pets):
    job = caller._client.get(f"/api/v1/jobs/{pets.job.id}", headers={"Authorization": f"Bearer {caller.token}"}).json
    assert (
        job.items() >= {"job_id": str(pets.job.id), "state": "queued", "attempt": 0, "log": [], "history": []}.items()
    )


def test_cancelling_ends_a_queued_job_at_once_and_an_ended_one_stays(caller: Caller, pets: Pets):
    for _ in range(2):
        response = caller.call("POST", f"/api/v1/jobs/{pets.job.id}/cancel")
        assert (response.status_code, response.json["state"]) == (200, "cancelled")


def test_cancelling_asks_a_running_job_to_end(caller: Caller, pets: Pets, store: Store):
    assert store.jobs.claim("a worker")
    response = caller.call("POST", f"/api/v1/jobs/{pets.job.id}/cancel")
    assert (response.json["state"], response.json["cancel_requested"]) == ("running", True)


@pytest.mark.parametrize("job_id", ["0" * 24, "x", "0" * 12, "é" * 24, "%00", "-1"])
def test_an_unknown_job_is_404(caller: Caller, job_id: str):
    assert_problem(caller.call("POST", f"/api/v1/jobs/{job_id}/cancel"), 404)


def test_anothers_job_is_404_and_goes_on(other: Caller, pets: Pets, store: Store):
    assert_problem(other.call("POST", f"/api/v1/jobs/{pets.job.id}/cancel"), 404)
    assert store.jobs.get(pets.job.id).state.value == "queued"
