"""Ended jobs, some with a model, and an MLflow to log them to."""

from __future__ import annotations

import dataclasses
import io
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from DIYML import create_app
from inference.protocol import ModelCard
from settings import Settings
from storage.job import Job
from storage.projects import Project
from storage.store import Store
from tests.conftest import Caller, picture
from tests.inference.models import SIZE_PX, brightness_model, classification_card
from tests.tracking.server import MlflowServer
from tests.training.conftest import shade
from tracking.tracker import Tracker

CLASSES = ["bright", "dark"]


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A real MLflow for all tests of a process."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def tracked(session_settings: Settings, mlflow: MlflowServer) -> Settings:
    """The settings with that MLflow."""
    return dataclasses.replace(session_settings, mlflow_uri=mlflow.url)


@pytest.fixture(scope="module")
def tracked_app(tracked: Settings) -> Iterator[Flask]:
    """The application with that MLflow."""
    app = create_app(tracked)
    yield app
    app.extensions["diyml"].services.store.close()


@pytest.fixture
def api(tracked_app: Flask, store: Store) -> FlaskClient:
    """A client of it."""
    return tracked_app.test_client()


@pytest.fixture
def project(caller: Caller, store: Store) -> Project:
    """Ada's project of twelve pictures, half of them dark."""
    return a_project(caller, store, "light: & dark")


def a_project(caller: Caller, store: Store, name: str, images: int = 12, classes: str = "bright|dark") -> Project:
    """A project with pictures."""
    caller.project(name, classes=classes)
    for number in range(images):
        label, value = ("dark", 50) if number % 2 else ("bright", 200)
        assert caller.place(name, f"{number}.png", label, shade(value, number)).status_code == 200
    user = store.users.find(caller.username)
    assert user
    return store.projects.named(name, user)


def tracker(store: Store, settings: Settings, lease_seconds: float = 60.0) -> Tracker:
    """One whose thread is not started."""
    return Tracker(store, settings, threading.Event(), look_seconds=0.05, lease_seconds=lease_seconds)


def a_card(content: bytes, **changes: Any) -> ModelCard:
    """Of the model that tells bright from dark."""
    card = classification_card(SIZE_PX, CLASSES, content)
    metrics = {"accuracy": 0.75, "classes": {"bright": {"precision": 1.0}, "dark": {"precision": None}}}
    fields = {"metrics": metrics, "dataset": {"digest": "0" * 64, "seed": 3, "train_split": 0.7}}
    return card.model_copy(update={**fields, "libraries": {"python": "3.11.7"}, **changes})


def a_success(store: Store, project: Project, **changes: Any) -> Job:
    """A job of three epochs that has ended with a model, a picture and native weights."""
    content, job = brightness_model(), running(store, project)
    history = [{"epoch": number, "loss": 1 / number, "accuracy": 0.5 + number / 10} for number in (1, 2, 3)]
    assert store.job_runs.beat(job, {"metrics": {"accuracy": 0.8}, "epoch": 3}, history, ["a line"])
    files = {"model.onnx": content, "confusion.png": picture(), "weights.pt": b"a pickle"}
    stored = {name: store.artifacts.put(io.BytesIO(file), name) for name, file in files.items()}
    model = store.models.create(project.id, job.id, a_card(content, **changes).model_dump(), stored)
    assert store.job_runs.succeed(job, model.id)
    store.projects.serve(project.id, model.id, model.version)
    return store.jobs.get(job.id)


def running(store: Store, project: Project) -> Job:
    """A job of the project that a worker has."""
    store.jobs.create(project, {"epochs": 3, "seed": 3, "nested": {"a": [1]}}, 3, started_by="ada")
    job = store.job_runs.claim("test")
    assert job
    return job
