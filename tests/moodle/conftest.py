"""Shelves of every kind, the real things behind them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from environments import configure_libraries
from moodle.shelves.database import DatabaseShelf
from moodle.shelves.folder import FolderShelf
from moodle.shelves.protocol import Shelf
from moodle.shelves.s3 import S3Shelf
from storage.store import Store

# Before scikit-learn is imported: next to other tests its threads would wait for each other.
configure_libraries(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """A server that speaks the protocol of S3; its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket, for whoever reads the environment."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    name = f"models-{uuid.uuid4().hex[:8]}"
    client = boto3.client("s3")
    client.create_bucket(Bucket=name)
    client.close()
    return name


@pytest.fixture(params=["database", "folder", "s3"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    """An empty shelf of each kind."""
    if request.param == "folder":
        return FolderShelf(tmp_path / "models")
    if request.param == "s3":
        return S3Shelf(request.getfixturevalue("s3_bucket"))
    store: Store = request.getfixturevalue("store")
    return DatabaseShelf(store.moodle_objects)
