"""MLflow's REST API (https://mlflow.org/docs/latest/rest-api.html), version 2.0, which servers from MLflow 2 on speak.

The dozen calls that are needed are made with `requests`, which is here already: even MLflow's small client would bring
two dozen packages more, a web server among them, and what opens pickles.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from settings import Settings
from tracking.errors import MlflowAway, MlflowRefused
from utils import Conflict, NotFound

_TIMEOUTS_SECONDS = (5.0, 20.0)
_MOST_TRANSFER_SECONDS = 600.0
_MOST_ANSWER_BYTES = 32 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_AWAY = frozenset({401, 403, 407, 408, 429, 502, 503, 504})
_RETRY_AFTER_SECONDS = 30


def nothing() -> None:
    """What is done between two chunks when nothing is."""


class Rest:
    """Calls of one MLflow server; not safe between threads.

    Args:
        beat: called often while something takes long; what it raises ends that.

    Raises:
        Conflict: the operator has connected none.
    """

    def __init__(self, settings: Settings, beat: Callable[[], None] = nothing):
        import requests  # for who talks to MLflow alone

        if not settings.mlflow_uri:
            raise Conflict("no MLflow is connected: whoever runs DIYML can set MLFLOW_TRACKING_URI")
        parts = urlsplit(settings.mlflow_uri.rstrip("/"))
        self.url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        self._beat = beat
        self._errors = requests.RequestException
        self._session = requests.Session()
        self._session.auth = _Login(settings, parts.username or "", parts.password or "")
        if settings.mlflow_certificate:
            self._session.verify = settings.mlflow_certificate

    def get(self, method: str, **query: Any) -> dict[str, Any]:
        """Ask for something, such as `runs/get`; see `post`."""
        return self._json("GET", f"/api/2.0/mlflow/{method}", params=query)

    def post(self, method: str, **body: Any) -> dict[str, Any]:
        """Make or change something, such as `runs/create`.

        Raises:
            MlflowAway: it does not answer, or not to us.
            NotFound: there is no such thing.
            MlflowRefused: anything else; says what MLflow says.
        """
        return self._json("POST", f"/api/2.0/mlflow/{method}", json=body)

    def put_file(self, path: str, file: Path) -> None:
        """Store a file by the proxy for artifacts, under a path below its root."""
        with file.open("rb") as content:
            body = Watched(content, file.stat().st_size, self._beat)
            with self._answer("PUT", _artifact(path), data=body):
                pass

    def chunks(self, path: str) -> Iterator[bytes]:
        """A file that lies below the root of the proxy for artifacts, in pieces.

        Raises:
            NotFound: there is none; `MlflowAway` as `post`.
        """
        with self._answer("GET", _artifact(path), stream=True) as answer:
            until = time.monotonic() + _MOST_TRANSFER_SECONDS
            try:
                for chunk in answer.iter_content(_CHUNK_BYTES):
                    self._beat()
                    _within(until)
                    yield chunk
            except self._errors as error:
                raise self._away(error) from None

    def artifacts(self, folder: str) -> list[dict[str, Any]]:
        """Names and sizes of what lies in a folder below the root of the proxy."""
        listed = self._json("GET", "/api/2.0/mlflow-artifacts/artifacts", params={"path": folder})
        return list(listed.get("files", []))

    def _json(self, verb: str, path: str, **request: Any) -> dict[str, Any]:
        self._beat()
        with self._answer(verb, path, stream=True, **request) as answer:
            content, until = b"", time.monotonic() + _TIMEOUTS_SECONDS[1]
            try:
                for chunk in answer.iter_content(_CHUNK_BYTES):
                    content += chunk
                    _within(until)
                    if len(content) > _MOST_ANSWER_BYTES:
                        raise MlflowRefused(f"MLflow answers with more than {_MOST_ANSWER_BYTES:,} bytes")
                found = json.loads(content or b"{}")
            except self._errors as error:
                raise self._away(error) from None
            except ValueError:
                raise MlflowAway(f"{self.url} does not answer as an MLflow server: see MLFLOW_TRACKING_URI") from None
        return found if isinstance(found, dict) else {}

    @contextmanager
    def _answer(self, verb: str, path: str, **request: Any) -> Iterator[Any]:
        url = self.url + path
        try:
            answer = self._session.request(verb, url, timeout=_TIMEOUTS_SECONDS, allow_redirects=False, **request)
        except self._errors as error:
            raise self._away(error) from None
        with answer:
            if not answer.ok or answer.is_redirect:
                raise _refusal(answer.status_code, _said(answer))
            yield answer

    def _away(self, error: Exception) -> MlflowAway:
        # The words of the library tell addresses and ports; its kind of error says enough.
        return MlflowAway(f"MLflow does not answer ({type(error).__name__})", retry_after_seconds=_RETRY_AFTER_SECONDS)


class _Login:
    """Names us to the server, and to no other: redirects are not followed, and no file with passwords is looked at."""

    def __init__(self, settings: Settings, name: str, password: str):
        name, password = settings.mlflow_user or unquote(name), settings.mlflow_password or unquote(password)
        self._words = f"Bearer {settings.mlflow_token}" if settings.mlflow_token else ""
        if name and not self._words:
            self._words = "Basic " + b64encode(f"{name}:{password}".encode()).decode()

    def __call__(self, request: Any) -> Any:
        if self._words:
            request.headers["Authorization"] = self._words
        return request


class Watched:
    """A file that is sent, as long as that is wanted and takes no longer than ten minutes."""

    def __init__(self, content: BinaryIO, size: int, beat: Callable[[], None]):
        self._content = content
        self._size = size
        self._beat = beat
        self._until = time.monotonic() + _MOST_TRANSFER_SECONDS

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        """Its pieces; `requests` takes only what has some for a stream."""
        return iter(self.read, b"")

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        self._beat()
        _within(self._until)
        return self._content.read(size if 0 <= size <= _CHUNK_BYTES else _CHUNK_BYTES)


def _within(until: float) -> None:
    if time.monotonic() > until:
        raise MlflowAway("MLflow takes too long to answer", retry_after_seconds=_RETRY_AFTER_SECONDS)


def _artifact(path: str) -> str:
    return f"/api/2.0/mlflow-artifacts/artifacts/{quote(path)}"


def _said(answer: Any) -> dict[str, Any]:
    """What MLflow says of a refusal: `error_code` and `message`."""
    try:
        found = json.loads(next(answer.iter_content(_CHUNK_BYTES), b""))
    except (ValueError, OSError):
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(status: int, said: dict[str, Any]) -> Exception:
    code, words = str(said.get("error_code", "")), str(said.get("message", ""))[:500]
    if status in (401, 403):
        return MlflowAway(
            f"MLflow does not let us in ({status}): see MLFLOW_TRACKING_USERNAME, _PASSWORD and _TOKEN",
            retry_after_seconds=_RETRY_AFTER_SECONDS,
        )
    if status in _AWAY or 300 <= status < 400:
        return MlflowAway(f"MLflow does not answer as it should ({status})", retry_after_seconds=_RETRY_AFTER_SECONDS)
    if status == 404:
        return NotFound(words or "MLflow has no such thing")
    return MlflowRefused(f"MLflow refuses ({f'{status} {code}'.strip()}): {words}".rstrip(": "))
