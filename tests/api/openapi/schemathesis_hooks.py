"""Gives schemathesis an account that is alive and ids of things that are there; loaded by its own process."""

from __future__ import annotations

import base64
import io
import os
import random
import secrets
from typing import Any
from urllib.parse import urlencode

import requests
import schemathesis
from PIL import Image

URL = os.environ["DIYML_TRIED_URL"]
SECONDS = 30
MOST_QUERY_BYTES = 3500
odds = random.Random(int(os.environ["DIYML_TRIED_SEED"]))


class World:
    """One account with a project and what is in it; made anew whenever a call has put an end to it."""

    def __init__(self) -> None:
        self.touched = True  # by a call that may have put an end to something
        self.token = ""
        self.ids: dict[str, str] = {}

    def alive(self) -> bool:
        """Whether the token still opens everything that was made."""
        if self.touched:
            self.touched = not (self.token and self.get(f"{self.base}/webhooks") == 200)
        return not self.touched

    @property
    def base(self) -> str:
        """The project."""
        return f"/api/v1/projects/{self.ids.get('project')}"

    def call(self, method: str, path: str, **parameters: Any) -> Any:
        """Send JSON, and give what comes back."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = requests.request(method, URL + path, json=parameters, headers=headers, timeout=SECONDS)
        answer.raise_for_status()
        return answer.json()

    def get(self, path: str) -> int:
        """The status of a call."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.get(URL + path, headers=headers, timeout=SECONDS).status_code

    def make(self) -> None:
        """Sign up, and fill a project."""
        self.token, name = "", secrets.token_hex(6)
        account = self.call("PUT", "/auth", username=f"user-{name}", password="correct horse")
        self.token = account["api_token"]
        project = f"project-{name}"
        self.call("PUT", "/upload/project", project_name=project, project_type="classification")
        self.call("PUT", "/upload/class_info", project_name=project, class_info="cat|dog")
        found = self.call("POST", "/upload/project", project_name=project)
        self.ids = {"project": found["_id"]}
        for number, label in enumerate(["cat", "dog", "cat", "dog"]):
            image = _picture(number)
            self.call("PUT", "/upload/data_point", project_name=project, data_point_name=f"{number}.png",
                      image_data=image, label_data=label)  # fmt: skip
        webhook = self.call("POST", f"{self.base}/webhooks", url="https://93.184.215.14/hook")
        job = self.call("POST", "/api/v1/jobs", project_name=project, params={"epochs": 1})
        self.ids |= {"webhook_id": webhook["id"], "job_id": job["job_id"], "image": "0.png"}
        self.ids |= {"class_id": "0", "username": account["username"]}


def _picture(seed: int) -> str:
    stream = io.BytesIO()
    Image.effect_noise((32, 32), 50 + seed).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


world = World()
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


@schemathesis.auth(refresh_interval=None)
class Bearer:
    """The token of an account that is alive."""

    def get(self, case: Any, context: Any) -> str:
        """Look, and make another account when needed."""
        if not world.alive():
            world.make()
        return world.token

    def set(self, case: Any, data: str, context: Any) -> None:
        """As the document says."""
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Only a call that has changed something can have put an end to the account or the project."""
    world.touched = world.touched or (case.method != "GET" and response.status_code < 400)


@schemathesis.hook
def map_query(context: Any, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """A stream that stays open as long as is asked for would be waited for."""
    return {**query, "seconds": 0} if query and "seconds" in query else query


def _fits(query: dict[str, Any] | None) -> bool:
    """What makes a request line longer than the web server takes is refused before it is ours."""
    return len(urlencode(query or {}, doseq=True, errors="replace")) < MOST_QUERY_BYTES


@schemathesis.hook
def filter_query(context: Any, query: dict[str, Any] | None) -> bool:
    """Queries that were drawn."""
    return _fits(query)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Queries that were made of the bounds in the document: long lists get short."""
    if not _fits(case.query):
        case.query = {name: value[:1] if isinstance(value, list) else value for name, value in case.query.items()}


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Mostly name what is there: of things that are not there only one answer could be seen."""
    if not path_parameters or odds.random() < 0.25:
        return path_parameters
    return {name: world.ids.get(name, value) for name, value in path_parameters.items()}
