"""Imports as a client makes them."""

from __future__ import annotations

import base64
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from storage.store import Store
from tests.conftest import wait_until

BODY = "application/offset+octet-stream"


def wait_until_dropped(store: Store) -> None:
    """Whoever imports drops the bytes of the upload after it has said how that ended."""
    parts = [store.database[f"uploads.{part}"] for part in ("files", "chunks")]
    wait_until(lambda: not any(part.count_documents({}) for part in parts))


class ImportCalls:
    """One user's calls about imports into one project."""

    def __init__(self, client: FlaskClient, token: str, project: str):
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"}
        self.url = f"/api/v1/projects/{project}/imports"

    def create(self, size: int, **options: Any) -> TestResponse:
        """Begin an upload by JSON."""
        return self.client.post(self.url, json={"size": size, **options}, headers=self.headers)

    def create_by_tus(self, size: int, **metadata: str) -> TestResponse:
        """Begin an upload as uploaders do."""
        pairs = ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in metadata.items())
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size), "Upload-Metadata": pairs}
        return self.client.post(self.url, headers={**self.headers, **headers})

    def offset(self, import_id: str) -> int:
        """How much is there."""
        response = self.client.head(f"/api/v1/imports/{import_id}/data", headers=self.headers)
        assert response.status_code == 200
        return int(response.headers["Upload-Offset"])

    def send(self, import_id: str, offset: int, content: bytes, **headers: str) -> TestResponse:
        """Append bytes."""
        sent = {**self.headers, "Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), **headers}
        return self.client.patch(f"/api/v1/imports/{import_id}/data", data=content, content_type=BODY, headers=sent)

    def get(self, import_id: str) -> dict[str, Any]:
        """The import as it is."""
        response = self.client.get(f"/api/v1/imports/{import_id}", headers=self.headers)
        assert response.status_code == 200, response.text
        return dict(response.json or {})

    def post(self, import_id: str, what: str, **body: Any) -> TestResponse:
        """Cancel or retry."""
        return self.client.post(f"/api/v1/imports/{import_id}/{what}", json=body, headers=self.headers)

    def begin(self, content: bytes, **options: Any) -> str:
        """Upload an archive at once; gives the id of its import."""
        response = self.create(len(content), **options)
        assert response.status_code == 201, response.text
        import_id = (response.json or {})["id"]
        assert self.send(import_id, 0, content).status_code == 204
        return str(import_id)

    def ended(self, import_id: str, seconds: float = 40) -> dict[str, Any]:
        """The import once it has ended."""
        wait_until(lambda: self.get(import_id)["state"] in ("succeeded", "failed", "cancelled"), seconds)
        return self.get(import_id)

    def run(self, content: bytes, **options: Any) -> dict[str, Any]:
        """Upload and wait for the end."""
        return self.ended(self.begin(content, **options))

    def report(self, import_id: str) -> list[dict[str, Any]]:
        """Lines of its report."""
        response = self.client.get(f"/api/v1/imports/{import_id}/report", headers=self.headers)
        assert response.status_code == 200, response.text
        return list((response.json or {})["items"])
