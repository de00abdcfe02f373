"""One user of DIYML's classic contract, over HTTP and nothing else."""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import time
from typing import Any
from urllib.parse import quote, urlsplit

from demo.examples import Example, Material

TIMEOUT_SECONDS = 120
MOST_TRIES = 10
BUSY = (429, 503)


class Refused(Exception):
    """DIYML said no.

    Attributes:
        lines: numbers, from 1, of the label lines that it named.
    """

    def __init__(self, status: int, problem: dict[str, Any]):
        super().__init__(problem.get("detail") or f"HTTP status {status}")
        self.status = status
        self.lines = [int(error["line"]) for error in problem.get("errors", []) if "line" in error]


class Unreachable(Exception):
    """Nobody who speaks our language answers at the address."""


class Client:
    """A user, signed up under a name that nobody else has."""

    def __init__(self, url: str, role: str):
        self._url = urlsplit(url.rstrip("/"))
        self._token = ""
        self.username = f"{role}-{secrets.token_hex(3)}"
        self.password = secrets.token_urlsafe(12)
        self._token = self.call("PUT", "/auth", username=self.username, password=self.password)["api_token"]

    def call(self, method: str, path: str, **parameters: Any) -> Any:
        """Send JSON with the token; come back later when DIYML is busy and says so.

        Raises:
            Refused: any answer but a 2xx.
            Unreachable: no answer, or none that is DIYML's.
        """
        for attempt in range(1, MOST_TRIES + 1):
            status, pause_seconds, answer = self._send(method, path, parameters)
            if status not in BUSY or attempt == MOST_TRIES:
                break
            time.sleep(pause_seconds)  # The server named this pause itself.
        if not 200 <= status < 300:
            raise Refused(status, answer if isinstance(answer, dict) else {})
        return answer

    def _send(self, method: str, path: str, parameters: dict[str, Any]) -> tuple[int, float, Any]:
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        connection = kind(self._url.netloc, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, self._url.path + path, json.dumps(parameters), headers)
            response = connection.getresponse()
            pause_seconds = float(response.headers.get("Retry-After", 1))
            return response.status, pause_seconds, json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(f"no DIYML answers at {self._url.geturl()}: {error or type(error).__name__}") from error
        finally:
            connection.close()

    def create_project(self, name: str, material: Material) -> None:
        """Create a project with its classes."""
        self.call("PUT", "/upload/project", project_name=name, project_type=material.project_type)
        self.call("PUT", "/upload/class_info", project_name=name, class_info="|".join(material.classes))

    def place(self, project: str, example: Example) -> None:
        """Upload one image with its labels."""
        self.call(
            "PUT",
            "/upload/data_point",
            project_name=project,
            data_point_name=example.name,
            image_data=base64.b64encode(example.content()).decode(),
            label_data="|".join(example.labels),
        )

    def training(self, project: str) -> dict[str, Any]:
        """How the newest training of an own project gets on."""
        return self.call("POST", "/upload/project", project_name=project)["training"]

    def infer(self, project: str, image: bytes) -> list[dict[str, Any]]:
        """Predict an image with somebody's published project, then fetch the result by its id."""
        sent = base64.b64encode(image).decode()
        mapping = self.call("POST", "/inference", project_name=project, image_data=sent)["inference_mapping"]
        predictions = self.call("GET", f"/inference?inference_mapping={quote(mapping)}")
        return [item for item in predictions if isinstance(item, dict)]

    def delete_account(self) -> None:
        """Delete the user with everything they own."""
        self.call("PATCH", "/auth", username=self.username, password=self.password)
