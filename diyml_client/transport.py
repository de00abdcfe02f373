"""One way to the server for everything: a pool of connections, timeouts, errors, and calls that are made again."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter

from diyml_client.errors import ConnectionFailed, DiymlError, InvalidRequest, refusal
from diyml_client.retries import BUSY, Patience, Waiting
from diyml_client.version import VERSION

T = TypeVar("T")

API = "/api/v1"
MOST_CONNECTIONS = 16
PAGE_ITEMS = 100
_SAFE = ("GET", "HEAD", "OPTIONS")
_LOST = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
_UNDER_WAY = "is still under way"


class Transport:
    """Calls to one server with one token; may be used by several threads at once."""

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        timeout_seconds: float = 60.0,
        connect_seconds: float = 10.0,
        patience: Patience | None = None,
        verify: bool | str = True,
    ):
        """Connect to nothing yet.

        Args:
            url: where the server is, such as `https://diyml.example.org`.
            timeout_seconds: how long the server may be silent during an answer.
            verify: False for a certificate that nobody vouches for, or a file of certificates to trust.

        Raises:
            InvalidRequest: the address is none.
        """
        self.url = checked_url(url)
        self.token = token
        self.patience = patience or Patience()
        self.timeout = (connect_seconds, timeout_seconds)
        self._session = requests.Session()
        self._session.verify = verify
        self._session.headers["User-Agent"] = f"diyml-client/{VERSION}"
        adapter = HTTPAdapter(pool_connections=2, pool_maxsize=MOST_CONNECTIONS)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def json(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of an answer, None of an empty one; for the options see `call`."""
        return self.call(method, path, **options)[0]

    def call(self, method: str, path: str, **options: Any) -> tuple[Any, Mapping[str, str]]:
        """The JSON of an answer and its headers; for the options see `open`."""

        def read(response: requests.Response) -> tuple[Any, Mapping[str, str]]:
            return (response.json() if response.content else None), response.headers

        try:
            return self.open(method, path, read, **options)
        except requests.exceptions.JSONDecodeError:
            message = f"{self.url} answers, but not as a DIYML does"
            raise ConnectionFailed(message) from None

    def content(self, method: str, path: str, **options: Any) -> bytes:
        """The bytes of an answer that is small; for the options see `open`."""
        return self.open(method, path, lambda response: response.content, **options)

    def pages(self, path: str, make: Callable[[dict[str, Any]], T], params: Mapping[str, Any]) -> Iterator[T]:
        """All items of a list, page by page, as they are asked for."""
        # A list that is short for certain is one page, and takes no limit.
        asked = {"limit": PAGE_ITEMS, **params}
        while True:
            page = self.json("GET", path, params=asked)
            yield from map(make, page["items"])
            if not page.get("next"):
                return
            asked["cursor"] = page["next"]

    def stream(
        self, method: str, path: str, *, headers: Mapping[str, str], timeout: tuple[float, float]
    ) -> requests.Response:
        """An answer that goes on and on, to be read and closed by the caller, who also tries again.

        Raises:
            DiymlError: the server refused, or did not answer.
        """
        try:
            response = self._send(method, path, None, None, None, headers, timeout)
        except _LOST as lost:
            raise self._lost(lost, method, path) from lost
        if response.status_code < 300:
            return response
        with response:
            raise self._refused(response)

    def open(
        self,
        method: str,
        path: str,
        read: Callable[[requests.Response], T],
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        data: Callable[[], Any] | None = None,
        headers: Mapping[str, str] | None = None,
        again: bool = True,
        timeout: tuple[float, float] | None = None,
    ) -> T:
        """Make a call, again while that may help, and read its answer.

        A write carries one `Idempotency-Key`, the same in every try, so the server carries it out once whatever gets
        lost. Without a token the server knows no keys; then a write is repeated only when it was refused.

        Args:
            read: gets a response that is a success, whose content has not been read; may be called again when the
                connection breaks while it reads.
            body: what to send as JSON.
            data: gives the body to send otherwise, anew for each try.
            again: False for calls whose caller knows better how to go on.

        Raises:
            DiymlError: the server refused, or did not answer.
        """
        sent = {name: value for name, value in (headers or {}).items() if value is not None}
        if method not in _SAFE and self.token and again:
            sent.setdefault("Idempotency-Key", uuid.uuid4().hex)
        repeatable = again and (method in _SAFE or "Idempotency-Key" in sent)
        waiting = Waiting(self.patience)
        while True:
            try:
                with self._send(method, path, params, body, data, sent, timeout) as response:
                    if response.status_code < 300:
                        return read(response)
                    error = self._refused(response)
            except _LOST as lost:
                error = self._lost(lost, method, path)
                if not (repeatable or (again and _was_never_sent(lost))) or not waiting.pause():
                    raise error from lost
                continue
            if not again or not _passes(error, waiting) or not waiting.pause(error.retry_after_seconds):
                raise error

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: Any,
        data: Callable[[], Any] | None,
        headers: Mapping[str, str],
        timeout: tuple[float, float] | None,
    ) -> requests.Response:
        try:
            return self._session.request(
                method,
                self.url + path,
                params=query(params),
                json=body,
                data=data() if data else None,
                headers=dict(headers),
                # A function, because otherwise a ~/.netrc would be asked for another password.
                auth=self._authorise,
                timeout=timeout or self.timeout,
                stream=True,
                # A write that is sent elsewhere would arrive as a GET, without its body.
                allow_redirects=method in _SAFE,
            )
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader) as error:
            raise InvalidRequest(f"that cannot be sent: {error}") from None

    def _authorise(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def _refused(self, response: requests.Response) -> DiymlError:
        if response.is_redirect:
            target = response.headers.get("Location", "")
            return InvalidRequest(
                f"{self.url} sends its callers on to {target}: use that address", status=response.status_code
            )
        try:
            body = response.json()
        except (ValueError, *_LOST):
            body = None
        return refusal(response.status_code, body, response.headers, self.url)

    def _lost(self, lost: Exception, method: str, path: str) -> ConnectionFailed:
        reason = "it did not answer in time" if isinstance(lost, requests.exceptions.Timeout) else _reason(lost)
        return ConnectionFailed(f"no answer from {self.url} to {method} {path.split('?')[0]}: {reason}")


def _passes(error: DiymlError, waiting: Waiting) -> bool:
    """Whether a refusal may be another one in a while."""
    # The answer to the first try got lost while the server was still busy with it.
    return error.status in BUSY or (waiting.again and error.status == 409 and _UNDER_WAY in error.detail)


def _was_never_sent(lost: Exception) -> bool:
    return isinstance(lost, requests.exceptions.ConnectTimeout) or "NewConnectionError" in repr(lost)


def _reason(lost: Exception) -> str:
    """What the innermost error says: the outer ones speak of pools and objects."""
    text = repr(lost)
    for sign, meaning in (
        ("CERTIFICATE_VERIFY_FAILED", "its certificate cannot be verified"),
        ("SSLError", "it does not speak TLS as it should"),
        ("NameResolutionError", "there is no host of that name"),
        ("Connection refused", "nothing listens there"),
        ("Network is unreachable", "this machine has no way there"),
        ("No route to host", "this machine has no way there"),
        ("InvalidProxyURL", "the proxy in the environment is none"),
        ("ProxyError", "the proxy in the environment does not answer"),
    ):
        if sign in text:
            return meaning
    return "the connection was lost"


def checked_url(url: str) -> str:
    """An address without what is too much at its end.

    Raises:
        InvalidRequest: it is none.
    """
    try:
        parts = urlsplit(url.strip())
        valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise InvalidRequest(
            f"the address must look like https://diyml.example.org or http://127.0.0.1:7001, got '{url}'"
        )
    return url.strip().rstrip("/").removesuffix(API)


def path_of(*parts: object) -> str:
    """A path below `/api/v1`, each part escaped."""
    return "/".join([API, *(quote(str(part), safe="") for part in parts)])


def query(params: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Parameters as the API reads them; what is None is left out, a list is repeated, `class_` is `class`."""
    pairs: list[tuple[str, str]] = []
    for name, value in (params or {}).items():
        values = value if isinstance(value, (list, tuple, set)) else [value]
        pairs.extend((name.rstrip("_"), _text(one)) for one in values if one is not None)
    return pairs


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)
