"""What every failure must look like, and one valid request for every method of every route."""

from __future__ import annotations

from typing import Any

from werkzeug.test import TestResponse

from tests.conftest import PASSWORD, encoded, picture

KEYS = {"type", "title", "status", "detail", "errors", "Error"}
IMAGE = encoded(picture())
SOME_ID = "0123456789abcdef01234567"
WEBHOOKS = "/api/v1/projects/<project>/webhooks"
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
    ("GET", "/api/v1/jobs"): {"limit": 5, "state": "queued"},
    ("POST", "/api/v1/jobs"): {"project_name": "pets"},
    ("GET", "/api/v1/jobs/<job_id>"): {},
    ("GET", "/api/v1/jobs/<job_id>/log"): {"tail": 5},
    ("GET", "/api/v1/jobs/<job_id>/metrics"): {},
    ("GET", "/api/v1/jobs/<job_id>/artifacts"): {},
    ("GET", "/api/v1/jobs/<job_id>/events"): {"seconds": 0},
    ("POST", "/api/v1/jobs/<job_id>/cancel"): {},
    ("GET", "/api/v1/jobs/<job_id>/record"): {},
    ("GET", "/api/v1/jobs/<job_id>/record/dataset"): {},
    ("POST", "/api/v1/jobs/<job_id>/repeat"): {},
    ("GET", "/api/v1/devices"): {},
    ("POST", "/api/v1/jobs/<job_id>/stop"): {},
    ("GET", "/api/v1/models/<model_id>"): {},
    ("GET", "/api/v1/models/<model_id>/files/<name>"): {},
    ("GET", "/api/v1/models/<model_id>/usage"): {"days": 7},
    ("POST", "/api/v1/models/<model_id>/quantize"): {"force": True},
    ("POST", "/api/v1/models/<model_id>/serve"): {},
    ("GET", f"{WEBHOOKS}"): {},
    ("POST", f"{WEBHOOKS}"): {"url": "https://93.184.215.14/hook", "events": ["job.failed"]},
    ("GET", f"{WEBHOOKS}/<webhook_id>"): {},
    ("PATCH", f"{WEBHOOKS}/<webhook_id>"): {"active": True, "url": "https://93.184.215.14/new"},
    ("DELETE", f"{WEBHOOKS}/<webhook_id>"): {},
    ("POST", f"{WEBHOOKS}/<webhook_id>/test"): {},
    ("POST", f"{WEBHOOKS}/<webhook_id>/rotate-secret"): {},
    ("GET", f"{WEBHOOKS}/<webhook_id>/deliveries"): {"limit": 5, "state": "waiting"},
    ("POST", f"{WEBHOOKS}/<webhook_id>/deliveries/<delivery_id>/retry"): {},
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
    ("GET", "/api/v1/me"): {},
    ("PATCH", "/api/v1/me"): {"email_events": ["job.failed"]},
    ("POST", "/api/v1/me/email/confirm"): {"code": "0123456789abcdef"},
    ("GET", "/api/openapi.json"): {},
    ("GET", "/api/docs"): {},
    ("GET", "/api/docs/<name>"): {},
    ("GET", "/health"): {},
    ("GET", "/ready"): {},
}  # fmt: skip


def fill(
    path: str, job_id: object = SOME_ID, model_id: object = SOME_ID, name: str = "model.onnx", **more: object
) -> str:
    """A route's path with its parameters filled in."""
    parts = {"job_id": job_id, "model_id": model_id, "name": name, "project": "pets", **more}
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
