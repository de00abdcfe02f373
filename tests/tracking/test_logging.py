"""What a real MLflow has of jobs that ended, whatever happens to it, to us, and on the way."""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from settings import Settings
from storage.job import Job, JobState
from storage.job_tracking import JobTracking
from storage.projects import Project
from storage.store import Store
from tests.api.problems import assert_problem
from tests.conftest import Caller, wait_until
from tests.tracking.conftest import a_project, a_success, running, tracker
from tests.tracking.server import MlflowServer, Way
from tests.training.conftest import supervisor
from tracking import rest
from tracking.errors import MlflowAway
from tracking.tracker import Tracker
from training.loading.fetching import CannotFetch, fetch
from training.loading.submission import load

NAME = "ada.light%3A %26 dark"
PLAIN = """
import json, mlflow, numpy, sklearn.linear_model
uri = {uri!r}
model, function = mlflow.onnx.load_model(uri), mlflow.pyfunc.load_model(uri)
answer = function.predict({{"images": numpy.full((1, 16, 16, 3), 204, numpy.uint8)}})
mlflow.set_experiment("somebody else's")
with mlflow.start_run() as run:
    model = sklearn.linear_model.LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    mlflow.sklearn.log_model(model, name="model", registered_model_name="foreign", serialization_format="cloudpickle")
print(json.dumps([answer["probabilities"].tolist(), run.info.run_id]))
"""


def named(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["key"]: row["value"] for row in rows}


def get(api: FlaskClient, caller: Caller, path: str) -> dict[str, Any]:
    answer = api.get(path, headers={"Authorization": f"Bearer {caller.token}"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def test_an_ended_job_is_a_run_with_all_that_is_known_and_its_model_is_registered(
    mlflow: MlflowServer, tracked: Settings, store: Store, project: Project, api: FlaskClient, caller: Caller
) -> None:
    job = a_success(store, project, test_metrics={"accuracy": 0.7})
    assert get(api, caller, f"/api/v1/jobs/{job.id}")["tracking"] is None
    assert tracker(store, tracked).log_one()
    assert not tracker(store, tracked).log_one()

    [run] = mlflow.runs(job.id)
    run_id, tags, params = run["info"]["run_id"], named(run["data"]["tags"]), named(run["data"]["params"])
    metrics = named(run["data"]["metrics"])
    assert run["info"]["status"] == "FINISHED"
    assert tags["diyml.project"] == "light: & dark"
    assert (tags["diyml.type"], tags["diyml.user"], tags["diyml.seed"]) == ("classification", "ada", "3")
    assert (tags["diyml.version"], tags["mlflow.user"]) == ("1", "ada")
    assert (params["epochs"], json.loads(params["nested"])) == ("3", {"a": [1]})
    assert (metrics["val/accuracy"], metrics["test/accuracy"]) == (0.75, 0.7)
    assert metrics["val/classes/bright/precision"] == 1.0
    history = mlflow.get("metrics/get-history", run_id=run_id, metric_key="accuracy")["metrics"]
    assert [(row["step"], row["value"]) for row in history] == [(1, 0.6), (2, 0.7), (3, 0.8)]
    listed = {item["path"] for folder in ("", "model", "pictures") for item in _files(mlflow, run_id, folder)}
    assert {"card.json", "model/MLmodel", "model/model.onnx", "pictures/confusion.png"} <= listed
    assert not any("weights" in path for path in listed)

    shown = get(api, caller, f"/api/v1/jobs/{job.id}")["tracking"]
    assert (shown["state"], shown["run_id"], shown["error"]) == ("logged", run_id, None)
    assert shown["url"].startswith(f"{mlflow.url}/#/experiments/")
    model = get(api, caller, f"/api/v1/models/{job.model_id}")
    assert model["registered"] == {"name": NAME, "version": "1"}


def _files(mlflow: MlflowServer, run_id: str, folder: str) -> list[dict[str, Any]]:
    return mlflow.get("artifacts/list", run_id=run_id, **({"path": folder} if folder else {})).get("files", [])


def test_a_job_without_a_model_is_a_run_with_its_reason(
    mlflow: MlflowServer, tracked: Settings, store: Store, project: Project
) -> None:
    failed, cancelled = running(store, project), None
    assert store.job_runs.fail(failed, "out of memory")
    cancelled = store.jobs.create(project, {}, 1)
    store.jobs.cancel(cancelled.id)
    assert [tracker(store, tracked).log_one() for _ in range(3)] == [True, True, False]
    for job, status, reason in ((failed, "FAILED", "out of memory"), (cancelled, "KILLED", "cancelled")):
        [run] = mlflow.runs(job.id)
        assert (run["info"]["status"], named(run["data"]["tags"])["diyml.reason"]) == (status, reason)


class Killed(BaseException):
    """As if the process were gone: nobody handles it."""


def test_a_logger_that_is_killed_at_any_step_leaves_one_run_and_one_version(
    mlflow: MlflowServer, tracked: Settings, store: Store, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, calls, allowed = a_success(store, project), itertools.count(1), 0
    whole = rest.Rest._answer

    def answer(self: rest.Rest, verb: str, path: str, **request: Any) -> Any:
        if next(calls) > allowed:
            raise Killed
        return whole(self, verb, path, **request)

    monkeypatch.setattr(rest.Rest, "_answer", answer)
    for allowed in itertools.count(1):  # `answer` reads it
        calls = itertools.count(1)
        try:
            assert tracker(store, tracked, lease_seconds=0).log_one()
            break
        except Killed:
            assert _status(mlflow, job) != "FINISHED" or allowed > 10
    [run] = mlflow.runs(job.id)
    assert run["info"]["status"] == "FINISHED"
    found = mlflow.get("model-versions/search", filter=f"run_id = '{run['info']['run_id']}'")["model_versions"]
    assert len(found) == 1
    history = mlflow.get("metrics/get-history", run_id=run["info"]["run_id"], metric_key="accuracy")["metrics"]
    assert [row["step"] for row in history] == [1, 2, 3]


def _status(mlflow: MlflowServer, job: Job) -> str:
    return next((run["info"]["status"] for run in mlflow.runs(job.id)), "")


def test_what_mlflow_missed_while_it_was_away_it_gets_later_the_oldest_first(
    mlflow: MlflowServer, tracked: Settings, store: Store, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = Way(mlflow.url)
    settings = dataclasses.replace(tracked, mlflow_uri=way.url)
    jobs = []
    for _ in range(3):
        jobs.append(running(store, project))
        assert store.job_runs.fail(jobs[-1], "no images")
    one = tracker(store, settings)
    with pytest.raises(MlflowAway, match="does not answer"):
        one.log_one()
    told = store.jobs.get(jobs[0].id).tracking
    assert told
    assert (told["state"], told["error"]) == ("waiting", "MLflow does not answer (ConnectionError)")
    ended: list[Any] = []
    end = JobTracking.end
    monkeypatch.setattr(JobTracking, "end", lambda self, job, *more: ended.append(job.id) or end(self, job, *more))
    one.thread.start()
    way.open()
    try:
        wait_until(lambda: all((store.jobs.get(job.id).tracking or {}).get("state") == "logged" for job in jobs), 30)
    finally:
        one._stop.set()
        one.thread.join()
        way.close()
    assert ended == [job.id for job in jobs]
    assert [len(mlflow.runs(job.id)) for job in jobs] == [1, 1, 1]


def load_call(api: FlaskClient, caller: Caller, project: str, model: str) -> Any:
    return _post(api, caller, f"/api/v1/projects/{project}/models/load", model=model)


def _post(api: FlaskClient, caller: Caller, path: str, **body: Any) -> Any:
    return api.post(path, json=body, headers={"Authorization": f"Bearer {caller.token}"})


def test_a_model_is_loaded_by_run_or_version_and_by_nobody_who_may_not_see_it(
    mlflow: MlflowServer, tracked: Settings, store: Store, project: Project, api: FlaskClient, caller: Caller,
    other: Caller,
) -> None:  # fmt: skip
    job = a_success(store, project)
    assert tracker(store, tracked).log_one()
    run_id = store.jobs.get(job.id).tracking["run_id"]
    registered = store.models.get(job.result).registered
    assert registered
    for reference in (run_id, f"models:/{registered['name']}/{registered['version']}"):
        answer = load_call(api, caller, str(project.id), reference)
        assert answer.status_code == 202, answer.text
        assert (answer.json["loads"], answer.json["params"]) == (reference, {"train_split": 0.7, "seed": 3})
        if reference == run_id:
            store.jobs.cancel_all(project.id)
    claimed = store.job_runs.claim("here")
    assert claimed
    supervisor(store, tracked).run(claimed)
    ended = store.jobs.get(claimed.id)
    assert ended.state is JobState.SUCCEEDED, (ended.error, ended.log)
    model = get(api, caller, f"/api/v1/models/{ended.model_id}")
    assert (model["version"], model["card"]["metrics"]["accuracy"]) == (2, 1.0)
    assert (model["card"]["loaded"]["run_id"], model["card"]["loaded"]["metrics"]["accuracy"]) == (run_id, 0.75)
    assert model["card"]["metrics_on"] == "validation images"
    serving = store.projects.get(project.id)
    assert serving
    assert serving.model_id == job.model_id  # the one that was loaded waits to be promoted
    assert_problem(_post(api, caller, f"/api/v1/jobs/{ended.id}/repeat"), 409, "trained nothing")

    theirs = a_project(other, store, "theirs")
    assert_problem(load_call(api, other, "theirs", run_id), 404, run_id, "that you may load")
    assert_problem(load_call(api, caller, str(project.id), "0" * 32), 404, "that you may load")
    assert_problem(load_call(api, caller, str(project.id), "s3://bucket/model.pkl"), 400, "models:/<name>/<version>")
    a_project(caller, store, "empty", images=0)
    assert_problem(load_call(api, caller, "empty", run_id), 400, "none that fit", "no images")
    a_project(caller, store, "reversed", classes="dark|bright")
    assert_problem(load_call(api, caller, "reversed", run_id), 409, "the order 'bright', 'dark'")
    caller.project("boxes", "detection", "bright|dark")
    assert_problem(load_call(api, caller, "boxes", run_id), 409, "of type classification")
    # Whose project is gone is for the one who had it.
    store.delete_project(project.id)
    assert_problem(load_call(api, other, "theirs", run_id), 404, "that you may load")
    assert load_call(api, caller, str(a_project(caller, store, "new").id), run_id).status_code == 202
    assert theirs.id not in {job.project_id for job in store.jobs.list_of([theirs.id], 5)}


def _loads(store: Store, project: Project) -> dict[str, str]:
    loads = store.jobs.list_of([project.id], 1)[0].loads
    assert loads
    return loads


def test_plain_mlflow_opens_our_models_and_what_is_none_of_ours_is_refused_and_not_opened(
    mlflow: MlflowServer, tracked: Settings, store: Store, project: Project, api: FlaskClient, caller: Caller
) -> None:
    job = a_success(store, project)
    assert tracker(store, tracked).log_one()
    registered = store.models.get(job.result).registered
    assert registered
    uri = f"models:/{registered['name']}/{registered['version']}"
    [[probabilities], foreign] = mlflow.python(PLAIN.format(uri=uri))
    assert probabilities == pytest.approx([0.8, 0.2])
    for reference in (foreign, "models:/foreign/1"):
        answer = load_call(api, caller, str(project.id), reference)
        assert_problem(answer, 409, "no model that DIYML has logged", "pickle is never opened")

    run = mlflow.runs(job.id)[0]["info"]
    folder = mlflow.artifacts / run["experiment_id"] / run["run_id"] / "artifacts"
    assert load_call(api, caller, str(project.id), run["run_id"]).status_code == 202
    onnx, described, card = folder / "model" / "model.onnx", folder / "model" / "MLmodel", folder / "card.json"
    onnx.write_bytes(onnx.read_bytes()[:-1] + b"!")
    with pytest.raises(CannotFetch, match="its hash is another"):
        fetch(tracked, _loads(store, project), tracked.data_dir / "there.onnx")
    store.jobs.cancel_all(project.id)
    card.write_text(card.read_text().replace("handmade", "handmaid"))
    assert_problem(load_call(api, caller, str(project.id), run["run_id"]), 409, "card", "changed since")
    described.write_text(described.read_text().replace("mlflow.onnx", "mlflow.sklearn"))
    assert_problem(load_call(api, caller, str(project.id), run["run_id"]), 409, "python_function by mlflow.sklearn")


def test_an_mlflow_that_is_away_is_told_to_who_loads_and_a_credential_to_nobody(
    tracked: Settings, store: Store, project: Project
) -> None:
    way = Way("http://127.0.0.1:1")
    user = store.users.find("ada")
    assert user
    settings = dataclasses.replace(tracked, mlflow_uri=way.url.replace("//", "//ada:secret@"))
    with pytest.raises(MlflowAway, match="does not answer") as caught:
        load(store, None, settings, project, user, "0" * 32)
    assert "secret" not in caught.value.detail + repr(settings) + rest.Rest(settings).url


def test_a_tracker_that_is_stopped_gives_its_job_back(tracked: Settings, store: Store, project: Project) -> None:
    job = a_success(store, project)
    one = tracker(store, tracked)
    one._stop.set()
    assert one.log_one()
    again: Tracker = tracker(store, tracked)
    assert again.log_one()
    assert (store.jobs.get(job.id).tracking or {})["state"] == "logged"
