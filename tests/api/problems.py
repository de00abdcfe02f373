"""What every failure must look like, and one valid request for every method of every route."""

from __future__ import annotations

import io
from typing import Any

from werkzeug.test import TestResponse

from tests.conftest import PASSWORD, encoded, picture

KEYS = {"type", "title", "status", "detail", "errors", "Error"}
IMAGE = encoded(picture())
SOME_ID = "0123456789abcdef01234567"
PROJECT = "/api/v1/projects/<project>"
WEBHOOKS = f"{PROJECT}/webhooks"
IMAGES = "/api/v1/projects/<project>/images"
WEBHOOKS = "/api/v1/projects/<project>/webhooks"
TABLE = "/api/v1/projects/<project>/table"
PREDICTING, PREDICTION_JOB = (
    "/api/v1/published/<project>/prediction-jobs",
    "/api/v1/prediction-jobs/<prediction_job_id>",
)
ALERTS, INCIDENTS = f"{PROJECT}/alerts", f"{PROJECT}/incidents"
STREAM = "/api/v1/projects/<project>/stream"
IMPORTS, IMPORT = "/api/v1/projects/<project>/imports", "/api/v1/imports/<import_id>"

# One valid request of the owner for each method of each route; `{name}` in a path is filled in by the test.
REQUESTS: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", "/auth"): {"username": "ada"},
    ("POST", "/auth"): {"username": "ada", "password": PASSWORD},
    ("PUT", "/auth"): {"username": "linus", "password": PASSWORD},
    ("PATCH", "/auth"): {"username": "ada", "password": PASSWORD},
    ("GET", "/upload/project"): {"username": "ada"},
    ("POST", "/upload/project"): {"project_name": "pets"},
    ("PUT", "/upload/project"): {"project_name": "more pets", "project_type": "detection"},
    ("PATCH", "/upload/project"): {"project_name": "pets"},
    ("PUT", "/upload/data_point"): {
        "project_name": "pets", "data_point_name": "two.png", "image_data": IMAGE, "label_data": "cat"
    },
    ("POST", "/upload/data_point"): {"project_name": "pets", "data_point_name": "one.png"},
    ("PATCH", "/upload/data_point"): {"project_name": "pets", "data_point_name": "one.png"},
    ("PUT", "/upload/class_info"): {"project_name": "pets", "class_info": "cat|dog|fox"},
    ("POST", "/upload/class_info"): {"project_name": "pets"},
    ("PATCH", "/upload/class_info"): {"project_name": "pets"},
    ("POST", "/data_analysis"): {"project_name": "pets"},
    ("PUT", "/train"): {"project_name": "pets", "train_split": 0.8, "epochs": 1},
    ("GET", "/publish"): {"username": "ada"},
    ("PUT", "/publish"): {"project_name": "pets", "is_published": "False"},
    ("GET", "/inference"): {"inference_mapping": "unknown"},
    ("GET", "/metrics"): {},
    ("POST", "/inference"): {"project_name": "pets", "image_data": IMAGE},
    ("POST", "/api/v1/published/<project>/predict"): {"image": IMAGE},
    ("POST", "/api/v1/published/<project>/predict-csv"): {},
    ("POST", PREDICTING): {"size": 1000, "filename": "rows.csv"},
    ("OPTIONS", PREDICTING): {},
    ("GET", "/api/v1/prediction-jobs"): {"limit": 5},
    ("GET", PREDICTION_JOB): {},
    ("DELETE", PREDICTION_JOB): {},
    ("HEAD", f"{PREDICTION_JOB}/data"): {},
    ("PATCH", f"{PREDICTION_JOB}/data"): {},
    ("DELETE", f"{PREDICTION_JOB}/data"): {},
    ("POST", f"{PREDICTION_JOB}/cancel"): {},
    ("GET", f"{PREDICTION_JOB}/result"): {"format": "csv"},
    ("POST", "/api/v1/published/<project>/figures"): {"rows": [{"flow": 3}], "names": ["score"]},
    ("GET", TABLE): {},
    ("PATCH", TABLE): {"target": "kind", "ignored": ["id"]},
    ("DELETE", TABLE): {},
    ("GET", f"{TABLE}/rows"): {"limit": 5},
    ("GET", f"{TABLE}/file"): {},
    ("POST", "/api/v1/projects/<project>/rows"): {"rows": [{"kind": "a", "id": 3}]},
    ("GET", STREAM): {},
    ("PUT", STREAM): {"enabled": True, "collect": 10},
    ("DELETE", STREAM): {},
    ("POST", f"{STREAM}/rows"): {"rows": [{"heat": 1.5}]},
    ("GET", f"{STREAM}/results"): {"limit": 5, "after": 0},
    ("GET", f"{STREAM}/dead-letters"): {"limit": 5},
    ("GET", f"{STREAM}/dead-letters/<letter_id>"): {},
    ("DELETE", f"{STREAM}/dead-letters/<letter_id>"): {},
    ("POST", f"{STREAM}/dead-letters/<letter_id>/resend"): {},
    ("GET", IMAGES): {"limit": 5, "class": "cat", "sort": "-created_at"},
    ("POST", IMAGES): {"split": "train", "annotations": '{"new.png": "dog"}'},
    ("POST", f"{IMAGES}/bulk"): {"select": {"filter": {"class": "cat"}}, "action": "tag", "value": "good"},
    ("GET", f"{IMAGES}/<image>"): {},
    ("PATCH", f"{IMAGES}/<image>"): {"split": "val", "tags": ["good"]},
    ("DELETE", f"{IMAGES}/<image>"): {},
    ("PUT", f"{IMAGES}/<image>/annotations"): {"annotations": [{"class": "dog"}]},
    ("GET", f"{IMAGES}/<image>/file"): {},
    ("PUT", f"{IMAGES}/<image>/file"): {},
    ("GET", f"{IMAGES}/<image>/thumbnail"): {"size": 64},
    ("GET", "/api/v1/projects/<project>/analysis"): {},
    ("GET", "/api/v1/jobs"): {"limit": 5, "state": "queued"},
    ("POST", "/api/v1/jobs"): {"project_name": "pets"},
    ("GET", "/api/v1/jobs/<job_id>"): {},
    ("GET", "/api/v1/jobs/<job_id>/log"): {"tail": 5},
    ("GET", "/api/v1/jobs/<job_id>/metrics"): {},
    ("GET", "/api/v1/jobs/<job_id>/artifacts"): {},
    ("GET", "/api/v1/jobs/<job_id>/validation"): {"sort": "best", "limit": 5},
    ("GET", "/api/v1/jobs/<job_id>/events"): {"seconds": 0},
    ("POST", "/api/v1/jobs/<job_id>/cancel"): {},
    ("GET", "/api/v1/jobs/<job_id>/record"): {},
    ("GET", "/api/v1/jobs/<job_id>/record/dataset"): {},
    ("POST", "/api/v1/jobs/<job_id>/repeat"): {},
    ("GET", "/api/v1/algorithms"): {},
    ("GET", "/api/v1/devices"): {},
    ("POST", "/api/v1/jobs/<job_id>/stop"): {},
    ("GET", "/api/v1/models/<model_id>"): {},
    ("GET", "/api/v1/models/<model_id>/figures"): {},
    ("GET", "/api/v1/models/<model_id>/figures/<name>"): {"format": "png"},
    ("GET", "/api/v1/models/<model_id>/files/<name>"): {},
    ("GET", "/api/v1/models/<model_id>/usage"): {"days": 7},
    ("POST", "/api/v1/models/<model_id>/quantize"): {"force": True},
    ("POST", "/api/v1/models/<model_id>/serve"): {},
    ("GET", "/api/v1/projects/<project>/duplicates"): {"distance": 3},
    ("GET", "/api/v1/projects/<project>/readiness"): {},
    ("GET", "/api/v1/projects/<project>/label-review"): {"limit": 5},
    ("DELETE", "/api/v1/models/<model_id>"): {},
    ("GET", "/api/v1/models/<model_id>/card"): {},
    ("GET", "/api/v1/catalogue"): {"q": "pets", "type": "classification", "class": "cat", "sort": "-calls"},
    ("GET", "/api/v1/catalogue/<project>"): {},
    ("GET", "/api/v1/catalogue/<project>/example"): {},
    ("GET", f"{PROJECT}/capsule"): {},
    ("POST", "/api/v1/capsules"): {},
    ("GET", "/api/v1/jobs/<job_id>/experiment"): {},
    ("GET", "/api/v1/experiments/schema"): {},
    ("POST", "/api/v1/experiments/validate"): {},
    ("POST", f"{PROJECT}/experiments"): {},
    ("GET", f"{PROJECT}/jobs"): {"limit": 5, "state": "queued"},
    ("POST", f"{PROJECT}/jobs"): {"params": {"epochs": 2}},
    ("GET", f"{PROJECT}/versions"): {"limit": 5},
    ("POST", f"{PROJECT}/versions"): {"name": "before the move", "description": "with all labels checked"},
    ("GET", f"{PROJECT}/versions/<number>"): {},
    ("PATCH", f"{PROJECT}/versions/<number>"): {"name": "first"},
    ("DELETE", f"{PROJECT}/versions/<number>"): {},
    ("GET", f"{PROJECT}/versions/<number>/compare/<other>"): {},
    ("GET", f"{PROJECT}/models"): {"limit": 5},
    ("POST", f"{PROJECT}/models/load"): {"model": "models:/ada.pets/1"},
    ("GET", f"{PROJECT}/models/compare"): {"a": 1, "b": 1},
    ("POST", f"{PROJECT}/promote"): {"version": 1},
    ("POST", f"{PROJECT}/rollback"): {},
    ("GET", f"{PROJECT}/publication"): {},
    ("PUT", f"{PROJECT}/publication"): {"description": "of pets", "licence": "MIT", "example_image": "one.png"},
    ("DELETE", f"{PROJECT}/publication"): {},
    ("GET", "/api/v1/projects/<project>/exports/<export_format>"): {},
    ("GET", f"{WEBHOOKS}"): {},
    ("POST", f"{WEBHOOKS}"): {"url": "https://93.184.215.14/hook", "events": ["job.failed"]},
    ("GET", f"{WEBHOOKS}/<webhook_id>"): {},
    ("PATCH", f"{WEBHOOKS}/<webhook_id>"): {"active": True, "url": "https://93.184.215.14/new"},
    ("DELETE", f"{WEBHOOKS}/<webhook_id>"): {},
    ("POST", f"{WEBHOOKS}/<webhook_id>/test"): {},
    ("POST", f"{WEBHOOKS}/<webhook_id>/rotate-secret"): {},
    ("GET", f"{WEBHOOKS}/<webhook_id>/deliveries"): {"limit": 5, "state": "waiting"},
    ("POST", f"{WEBHOOKS}/<webhook_id>/deliveries/<delivery_id>/retry"): {},
    ("GET", ALERTS): {},
    ("POST", ALERTS): {"name": "bearings", "kind": "score", "parameters": {"level": 2, "rows": 2, "of": 3}},
    ("GET", f"{ALERTS}/<rule_id>"): {},
    ("PATCH", f"{ALERTS}/<rule_id>"): {"name": "oil", "active": False},
    ("DELETE", f"{ALERTS}/<rule_id>"): {},
    ("POST", f"{ALERTS}/<rule_id>/test"): {},
    ("GET", INCIDENTS): {"limit": 5, "state": "open"},
    ("GET", f"{INCIDENTS}/<incident_id>"): {},
    ("GET", f"{INCIDENTS}/<incident_id>/picture"): {},
    ("POST", f"{INCIDENTS}/<incident_id>/acknowledge"): {},
    ("GET", IMPORTS): {"limit": 5},
    ("POST", IMPORTS): {"size": 1000, "filename": "pets.zip"},
    ("OPTIONS", IMPORTS): {},
    ("GET", IMPORT): {},
    ("DELETE", IMPORT): {},
    ("HEAD", f"{IMPORT}/data"): {},
    ("PATCH", f"{IMPORT}/data"): {},
    ("DELETE", f"{IMPORT}/data"): {},
    ("GET", f"{IMPORT}/report"): {"format": "csv"},
    ("POST", f"{IMPORT}/cancel"): {},
    ("POST", f"{IMPORT}/retry"): {"dry_run": False},
    ("GET", "/api/v1/projects"): {"limit": 5, "type": "classification", "sort": "-name"},
    ("POST", "/api/v1/projects"): {"name": "more pets", "type": "detection", "classes": ["cat"]},
    ("GET", PROJECT): {},
    ("PATCH", PROJECT): {"description": "Cats and dogs."},
    ("DELETE", PROJECT): {},
    ("POST", f"{PROJECT}/transfer"): {"username": "grace"},
    ("GET", f"{PROJECT}/members"): {},
    ("PUT", f"{PROJECT}/members/<username>"): {"role": "editor"},
    ("DELETE", f"{PROJECT}/members/<username>"): {},
    ("GET", f"{PROJECT}/classes"): {},
    ("POST", f"{PROJECT}/classes"): {"name": "fox", "index": 1},
    ("PUT", f"{PROJECT}/classes/order"): {"class_ids": [1, 0]},
    ("PATCH", f"{PROJECT}/classes/<class_id>"): {"name": "tom"},
    ("DELETE", f"{PROJECT}/classes/<class_id>"): {"annotations": "delete"},
    ("POST", f"{PROJECT}/classes/<class_id>/merge"): {"into": 1},
    ("POST", "/api/v1/signup"): {"username": "linus", "password": PASSWORD},
    ("POST", "/api/v1/login"): {"username": "ada", "password": PASSWORD, "scopes": ["read"], "expires_in_days": 1},
    ("DELETE", "/api/v1/login"): {},
    ("GET", "/api/v1/tokens"): {"limit": 5},
    ("POST", "/api/v1/tokens"): {"name": "script", "scopes": ["read", "infer"], "expires_in_days": 7},
    ("DELETE", "/api/v1/tokens/<token_id>"): {},
    ("GET", "/api/v1/me"): {},
    ("DELETE", "/api/v1/me"): {"password": PASSWORD},
    ("GET", "/api/v1/me/export"): {},
    ("POST", "/api/v1/me/password"): {"old_password": PASSWORD, "new_password": "longer than before"},
    ("PATCH", "/api/v1/me"): {"email_events": ["job.failed"]},
    ("POST", "/api/v1/me/email/confirm"): {"code": "0123456789abcdef"},
    ("GET", "/api/openapi.json"): {},
    ("GET", "/api/docs"): {},
    ("GET", "/api/docs/<name>"): {},
    ("GET", "/health"): {},
    ("GET", "/ready"): {},
}  # fmt: skip


# The file, with its name, that goes with a request as a form.
FILES = {("POST", IMAGES): ("images", "new.png", picture(seed=3))}


EXPERIMENT = b"name: first\ntype: classification\ndata: {project: pets}\nparameters: {epochs: 1}\n"
BODIES = {
    ("POST", "/api/v1/experiments/validate"): (EXPERIMENT, "application/yaml"),
    ("POST", f"{PROJECT}/experiments"): (EXPERIMENT, "application/yaml"),
    ("PUT", f"{IMAGES}/<image>/file"): (picture(seed=4), "image/png"),
    ("POST", "/api/v1/published/<project>/predict-csv"): (b"a\n1\n", "text/csv"),
}


def sent(method: str, path: str) -> dict[str, Any]:
    """The request as Flask's client takes it."""
    values = REQUESTS[method, path]
    if method == "GET":
        return {"query_string": values}
    if (method, path) in BODIES:
        content, kind = BODIES[method, path]
        return {"data": content, "content_type": kind}
    if (method, path) not in FILES:
        return {"json": values}
    field, name, content = FILES[method, path]
    return {"data": {**values, field: (io.BytesIO(content), name)}, "content_type": "multipart/form-data"}


def fill(
    path: str, job_id: object = SOME_ID, model_id: object = SOME_ID, name: str = "model.onnx", **more: object
) -> str:
    """A route's path with its parameters filled in."""
    parts = {
        "job_id": job_id, "model_id": model_id, "name": name, "project": "pets", "number": 1, "other": "current",
        "image": "one.png", "export_format": "csv", "username": "grace", "class_id": 0, "token_id": SOME_ID,
        "prediction_job_id": SOME_ID, **more,
        "letter_id": SOME_ID, **more,
    }  # fmt: skip
    for parameter, value in parts.items():
        path = path.replace(f"<{parameter}>", str(value))
    return path


def assert_problem(response: TestResponse, status: int, *words: str) -> dict[str, Any]:
    """Check the status, the one error shape and words of the detail; gives the body."""
    assert response.status_code == status, response.text
    if response.request.method == "HEAD":
        return {}
    assert response.mimetype == "application/problem+json"
    body = response.json
    assert body is not None
    assert set(body) == KEYS
    assert body["status"] == status
    assert body["detail"]
    assert body["Error"] == body["detail"]
    assert all({"field", "message"} <= set(error) for error in body["errors"])
    assert "Traceback" not in body["detail"]
    assert "pymongo" not in body["detail"].lower()
    for word in words:
        assert word in body["detail"]
    assert response.headers["Access-Control-Allow-Origin"] in ("*", response.request.headers.get("Origin"))
    return body
