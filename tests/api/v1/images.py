"""A project's images over `/api/v1`, for tests."""

from __future__ import annotations

import io
import json
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import Caller

BASE = "/api/v1/projects/pets/images"
BOX = [0.5, 0.5, 0.25, 0.125]


class Api:
    """Ada's project `pets` over `/api/v1`."""

    def __init__(self, client: FlaskClient, caller: Caller):
        self._client, self.caller = client, caller
        self.headers = {"Authorization": f"Bearer {caller.token}"}

    def send(self, method: str, path: str = "", json: Any = None, **more: Any) -> TestResponse:
        headers = {**self.headers, **more.pop("headers", {})}
        return self._client.open(f"{BASE}{path}", method=method, json=json, headers=headers, **more)

    def get(self, path: str = "", **query: Any) -> Any:
        response = self.send("GET", path, query_string=query)
        assert response.status_code == 200, response.text
        return response.json

    def analysis(self) -> Any:
        return self._client.get("/api/v1/projects/pets/analysis", headers=self.headers).json

    def upload(self, *files: tuple[str, bytes], headers: dict[str, str] | None = None, **fields: Any) -> TestResponse:
        sent = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
        data = {**sent, "images": [(io.BytesIO(content), name) for name, content in files]}
        return self.send("POST", data=data, content_type="multipart/form-data", headers=headers or {})

    def names(self, **query: Any) -> list[str]:
        return [image["name"] for image in self.get(**query)["items"]]
