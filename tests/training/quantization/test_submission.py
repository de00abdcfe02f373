"""What may happen between the wish for int8 and its end; without a worker, so that nothing happens by itself."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from notifications.events import job_message
from notifications.letters import job_letter
from settings import Settings
from storage.idempotency import Idempotency
from storage.job import Job, JobState
from storage.store import Store
from tests.api.problems import assert_problem
from tests.conftest import Caller
from tests.training.conftest import start_training, supervisor


@pytest.mark.story
def test_while_int8_is_made_nothing_else_is_trained_and_it_survives_its_worker(
    caller: Caller, client: FlaskClient, store: Store, settings: Settings, shades: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_training(caller, shades)
    first = _run(store, settings)
    url = f"/api/v1/models/{first.model_id}/quantize"
    headers = {"Authorization": f"Bearer {caller.token}", "Idempotency-Key": "smaller"}
    with monkeypatch.context() as killed:
        # As if the process had been killed before it could keep its answer.
        killed.setattr(Idempotency, "keep", lambda keys, claim, _: keys.release(claim))
        once = client.post(url, json={"force": True}, headers=headers)
    again = client.post(url, json={"force": True}, headers=headers)
    assert (once.status_code, again.status_code) == (202, 202)
    assert once.json["job_id"] == again.json["job_id"]
    assert_problem(caller.call("POST", url), 409, "queued or running")
    training = caller.call("PUT", "/train", project_name=shades, train_split=0.8, epochs=1)
    assert_problem(training, 409, "queued or running")
    assert_problem(caller.call("POST", f"/api/v1/jobs/{once.json['job_id']}/stop"), 409, "cancel it")

    lost = store.job_runs.claim("a worker that is lost")
    assert lost
    store.job_runs.release(lost, "lost")
    job = _run(store, settings)
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2), job.error
    assert _subject_of_its_mail(store, job) == "The quantisation of 'shades' has succeeded"

    assert caller.call("POST", f"/api/v1/models/{first.model_id}/serve").status_code == 200
    assert caller.call("PATCH", "/upload/data_point", project_name=shades, data_point_name="5.png").status_code == 200
    assert_problem(caller.call("POST", url), 409, "1 of the 12 images", "'5.png'")


def _subject_of_its_mail(store: Store, job: Job) -> str:
    project = store.projects.get(job.project_id)
    assert project
    message = job_message(job, project, job.states[-1], "")
    delivery_id = store.deliveries.add(job.id, job.owner_id, "job.succeeded", message, project.id, job.id, 99)
    return job_letter(store.deliveries.get(job.id, delivery_id)).subject


def _run(store: Store, settings: Settings) -> Job:
    """Bring the queued job to its end in this process."""
    job = store.job_runs.claim("here")
    assert job
    supervisor(store, settings).run(job)
    return store.jobs.get(job.id)
