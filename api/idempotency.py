"""`Idempotency-Key`: who repeats a call because its answer got lost gets the first answer, and nothing is done twice.

The header is that of draft-ietf-httpapi-idempotency-key-header. Only successes are kept: what was refused did nothing,
so it may be asked again with the same key, and with other parameters.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable
from typing import Any

from flask import Response, request
from flask_restful.utils import unpack

from api.errors import status_of
from api.output import output_json
from storage.idempotency import Answer, Claim, Idempotency
from storage.users import User
from utils import InvalidInput, Unavailable

logger = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MOST_KEPT_BYTES = 1024 * 1024
_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_KEPT_HEADERS = ("Content-Type", "Location")
# Names of what is shown once, and may not lie in the database.
_SECRETS = (b'"api_token"', b'"password"', b'"secret"', b'"token"')
_PIECE = 1024 * 1024


def sent_key() -> str | None:
    """The key of this request, None without one.

    Raises:
        InvalidInput: it is empty, too long, or has other characters than printable ASCII.
    """
    key = request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidInput(
            f"the header {HEADER} must be 1 to 255 printable ASCII characters, got {len(key):,} characters"
        )
    return key


def once(keys: Idempotency, user: User, key: str, given: dict[str, Any], call: Callable[[str], Any]) -> Response:
    """Make a call, or give the answer that was given to it before.

    Args:
        given: the parameters as sent.
        call: does the work and gives what a method of a resource may give; gets an id that is the same whenever
            this call is made again.

    Raises:
        KeyReused: the key came with another call.
        Conflict: that call is still under way, or its answer was not kept.
    """
    claim = keys.claim(user.id, key, fingerprint(given))
    if claim.answer:
        return _replayed(claim.answer)
    try:
        result = call(claim.record)
        response = result if isinstance(result, Response) else output_json(*unpack(result))
    except BaseException as error:  # whatever ends the call, the key must not wait for its lease
        _let_go(keys, claim, status_of(error))
        raise
    if response.status_code < 400:
        _try(keys.keep, claim, _answer(response))
    else:
        _let_go(keys, claim, response.status_code)
    return response


def fingerprint(given: dict[str, Any]) -> str:
    """SHA-256 over method, path, query and parameters.

    Parameters are compared rather than bytes, so that the same wish counts as the same in whatever order it is
    written. The token is left out: a new one makes no other wish.
    """
    digest = hashlib.sha256()
    address = [request.method, request.path, request.query_string.decode("latin-1")]
    digest.update(json.dumps(address).encode())
    for name in sorted(given.keys() - {"api_token"}):
        value = given[name]
        if isinstance(value, str):
            digest.update(json.dumps([name, len(value)]).encode())
            for start in range(0, len(value), _PIECE):  # no second copy of a large image
                digest.update(value[start : start + _PIECE].encode("utf-8", "surrogatepass"))
        else:
            digest.update(_canonical([name, None, value]))
    return digest.hexdigest()


def _canonical(value: Any) -> bytes:
    try:
        return json.dumps(value, sort_keys=True).encode()
    except RecursionError:
        raise InvalidInput("the parameters are nested too deeply") from None


def _answer(response: Response) -> Answer | None:
    """What can be kept of a response; None for what is streamed, large or secret."""
    if response.is_streamed or (response.content_length or 0) > MOST_KEPT_BYTES:
        return None
    body = response.get_data()
    if len(body) > MOST_KEPT_BYTES or any(name in body for name in _SECRETS):
        return None
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    return Answer(response.status_code, body, headers)


def _replayed(answer: Answer) -> Response:
    return Response(answer.body, answer.status, {**answer.headers, REPLAYED: "true"})


def _let_go(keys: Idempotency, claim: Claim, status: int) -> None:
    """A refused call did nothing; one that failed on our side may have done something, and stays the same call."""
    _try(keys.forget if status < 500 else keys.release, claim)


def _try(step: Callable[..., None], *arguments: Any) -> None:
    """The call's own end counts, whatever becomes of the key: its lease runs out."""
    try:
        step(*arguments)
    except Unavailable:
        logger.warning("an idempotency key could not be updated: the database does not answer")
