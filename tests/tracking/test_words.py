"""What is sent to MLflow stays within its bounds, and what comes from it is read without trust; without a server."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from settings import Settings, SettingsError
from tests.inference.models import brightness_model
from tests.moodle.conftest import s3_bucket, s3_server  # noqa: F401
from tracking import rest, words
from tracking.artifacts import artifacts_of, read_small
from tracking.errors import MlflowAway, MlflowRefused
from tracking.package import foreign_flavours, write_package
from tracking.rest import Rest
from utils import Conflict, NotFound, TooLarge

SETTINGS = Settings(mlflow_uri="http://127.0.0.1:9/", mlflow_token="a secret")


def test_names_of_registered_models_are_such_that_mlflow_takes_and_of_one_project_each():
    assert words.registered_name("ada", "pets") == "ada.pets"
    assert words.registered_name("a.b", "c") == "a%2Eb.c" != words.registered_name("a", "b.c")
    assert not set("/:") & set(words.registered_name("a/b", "models:/x/1"))


def test_metrics_are_finite_numbers_under_names_that_mlflow_takes():
    nested = {"loss": float("nan"), "ok": True, "a/b": {"..": 1, "café x": 2}, "none": None}
    assert dict(words._numbers(nested)) == {"a_b/_": 1.0, "a_b/café x": 2.0}


def test_an_mlmodel_file_is_ours_or_told_what_it_is(tmp_path: Path):
    onnx_path = tmp_path / "model.onnx"
    onnx_path.write_bytes(brightness_model())
    write_package(tmp_path, onnx_path, "0" * 32, {"libraries": {"python": "3.11.7", "onnx": "1.2"}})
    content = (tmp_path / "MLmodel").read_bytes()
    assert foreign_flavours(content) == []
    ours = yaml.safe_load(content)["flavors"]
    loader = {"loader_module": "mlflow.sklearn", "code": "code"}
    for flavours, told in (
        ({**ours, "sklearn": {"pickled_model": "model.pkl"}}, ["sklearn"]),
        ({**ours, "python_function": loader}, ["python_function by mlflow.sklearn", "code of its own"]),
        ({"python_function": ours["python_function"]}, ["no ONNX file"]),
        ({"onnx": {"data": "../../other.onnx"}}, ["an ONNX file of another name"]),
    ):
        assert foreign_flavours(yaml.safe_dump({"flavors": flavours}).encode()) == told
    for broken in (b"", b"[", b"flavors: 1", b"!!python/object/apply:os.system ['true']"):
        assert foreign_flavours(broken) == ["an MLmodel file that cannot be read"]


def test_files_in_s3_are_written_and_read_and_a_folder_of_the_server_is_not(s3_bucket: str, tmp_path: Path):  # noqa: F811
    there = artifacts_of(Rest(SETTINGS), f"s3://{s3_bucket}/runs/1")
    file = tmp_path / "card.json"
    file.write_bytes(b"{}")
    there.put("model/card.json", file)
    assert there.sizes("model") == {"model/card.json": 2}
    assert read_small(there, "model/card.json", 2) == b"{}"
    with pytest.raises(TooLarge):
        read_small(there, "model/card.json", 1)
    with pytest.raises(NotFound):
        read_small(there, "model/none", 1)
    for uri in ("file:///etc", "/var/mlruns/0", "mlflow-artifacts://elsewhere/0", "dbfs:/0"):
        with pytest.raises(MlflowRefused, match="--serve-artifacts"):
            artifacts_of(Rest(SETTINGS), uri)


@dataclasses.dataclass
class Answering:
    """A server that gives one answer, and what it was asked with."""

    status: int = 200
    body: bytes = b"{}"
    length: int | None = None
    asked: list[Any] = dataclasses.field(default_factory=list)
    url: str = ""


@pytest.fixture
def answering() -> Iterator[Answering]:
    """One that listens."""
    answer = Answering()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer.asked.append(dict(self.headers))
            self.send_response(answer.status)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    answer.url = f"http://127.0.0.1:{server.server_port}"
    yield answer
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "error", "told"),
    [
        (503, b"", MlflowAway, "does not answer as it should"),
        (302, b"", MlflowAway, "does not answer as it should"),
        (401, b"", MlflowAway, "MLFLOW_TRACKING_USERNAME"),
        (403, b"[]", MlflowAway, "does not let us in"),
        (200, b"<html>", MlflowAway, "MLFLOW_TRACKING_URI"),
        (404, b'{"message": "no such run"}', NotFound, "no such run"),
        (400, b'{"error_code": "BAD", "message": "too long"}', MlflowRefused, r"refuses \(400 BAD\): too long"),
        (500, b"oops", MlflowRefused, r"refuses \(500\)"),
    ],
)
def test_what_mlflow_answers_is_told_apart(
    answering: Answering, status: int, body: bytes, error: type[Exception], told: str
) -> None:
    answering.status, answering.body = status, body
    with pytest.raises(error, match=told):
        Rest(dataclasses.replace(SETTINGS, mlflow_uri=answering.url)).get("runs/get")


def test_an_answer_that_does_not_end_is_not_waited_for(answering: Answering, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rest, "_TIMEOUTS_SECONDS", (0.2, 0.2))
    answering.length = 100
    with pytest.raises(MlflowAway, match="does not answer"):
        Rest(dataclasses.replace(SETTINGS, mlflow_uri=answering.url)).get("runs/get")


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"mlflow_token": "a secret"}, "Bearer a secret"),
        ({"mlflow_user": "ada", "mlflow_password": "é"}, "Basic YWRhOsOp"),
        ({}, None),
    ],
)
def test_the_server_is_told_who_asks(answering: Answering, given: dict[str, str], sent: str | None):
    Rest(Settings(mlflow_uri=answering.url, **given)).get("runs/get")
    assert answering.asked[0].get("Authorization") == sent


def test_no_mlflow_and_what_is_none_are_told():
    with pytest.raises(Conflict, match="MLFLOW_TRACKING_URI"):
        Rest(Settings())
    with pytest.raises(SettingsError, match="http://"):
        Settings(mlflow_uri="databricks")
