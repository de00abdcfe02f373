"""What can go wrong when one talks to a server, each with a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class DiymlError(Exception):
    """The server refused a call.

    Attributes:
        status: the HTTP status; 0 when there was no answer.
        code: the stable code of the error, such as `not_found`; empty for what HTTP itself defines.
        detail: what the server said.
        errors: one entry a bad field: `field` and `message`, for labels also `line`.
        request_id: the name under which the operator finds the call in the log.
        retry_after_seconds: when the server says to come back; None when it does not.
        advice: what to do.
    """

    advice = "See what the server says, and change the call."

    def __init__(
        self,
        detail: str,
        *,
        status: int = 0,
        code: str = "",
        errors: list[dict[str, Any]] | None = None,
        request_id: str = "",
        retry_after_seconds: float | None = None,
    ):
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.code = code
        self.errors = errors or []
        self.request_id = request_id
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        """What happened, then what to do."""
        return f"{self.detail.rstrip('.')}. {self.advice}"


class ConnectionFailed(DiymlError):
    """Nobody answers at the address, or the answer was cut off again and again."""

    advice = "See that the address is right and that the server runs: `diyml doctor` looks at each part of the way."


class InvalidRequest(DiymlError):
    """400, 413, 415 or 422: what was sent makes no sense to the server."""

    advice = "Put right what is named, and send it again."


class Unauthenticated(DiymlError):
    """401: the token is missing, unknown or expired, or name and password do not fit."""

    advice = "Log in again: `diyml login`, or Client.login(url, username, password)."


class Forbidden(DiymlError):
    """403: the role in the project, or the scopes of the token, do not allow it."""

    advice = "Ask the owner of the project for another role, or use a token with the scope that is missing."


class NotFound(DiymlError):
    """404: there is no such thing, or you may not know that there is."""

    advice = "See that the name is right, and that you are a member of the project."


class Conflict(DiymlError):
    """409: it does not fit what is there, such as a name that is taken."""

    advice = "Put what stands in the way right, or wait for its end, then try again."


class ChangedMeanwhile(DiymlError):
    """412: somebody else has changed it since you read it."""

    advice = "Read it again, then decide again: nothing was overwritten."


class TooManyRequests(DiymlError):
    """429: more than you are allowed at once."""

    advice = "Wait as long as the server says, then go on; nothing is lost."


class Unavailable(DiymlError):
    """502, 503 or 504: the server is too busy, or part of it does not answer."""

    advice = "Try again in a while; when it stays so, `diyml doctor` says which part of the server is silent."


class ServerFailed(DiymlError):
    """500: something went wrong on the server's side."""

    advice = "Tell the operator the request id; the log says more under it."


class NoProfile(DiymlError):
    """Nobody has logged in on this machine."""

    advice = "Log in first: `diyml login --url http://...`, or set DIYML_URL and DIYML_TOKEN."


class JobFailed(DiymlError):
    """A job that was waited for ended without a result.

    Attributes:
        state: `failed` or `cancelled`.

    Args:
        log_of: id of a training, which has a log; imports and prediction jobs have none.
    """

    advice = "Put right what is named, and begin another."

    def __init__(self, detail: str, state: str, log_of: str = ""):
        super().__init__(detail, code=f"job_{state}")
        self.state = state
        if log_of:
            self.advice = f"`diyml logs {log_of}` shows what it said last."


_BY_STATUS: dict[int, type[DiymlError]] = {
    400: InvalidRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: ChangedMeanwhile,
    413: InvalidRequest,
    415: InvalidRequest,
    422: InvalidRequest,
    429: TooManyRequests,
    500: ServerFailed,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def refusal(status: int, body: Any, headers: Mapping[str, str], url: str) -> DiymlError:
    """The error for an answer that is no success.

    Args:
        body: the JSON of the answer; None when it was none.
        url: of the server, for answers that are not its own.
    """
    problem = body if isinstance(body, dict) else {}
    told = problem.get("detail")
    errors = problem.get("errors")
    return _BY_STATUS.get(status, DiymlError)(
        str(told) if told else f"{url} answered with status {status} and no explanation: is it a DIYML?",
        status=status,
        code=str(problem.get("type", "")).removeprefix("urn:diyml:problem:").replace("about:blank", ""),
        errors=errors if isinstance(errors, list) else [],
        request_id=headers.get("X-Request-ID", ""),
        retry_after_seconds=seconds_of(headers.get("Retry-After")),
    )


def seconds_of(text: str | None) -> float | None:
    """What `Retry-After` says in seconds; None without one, or when it is a date, which servers of ours do not send."""
    try:
        return max(0.0, float(text)) if text is not None else None
    except ValueError:
        return None
