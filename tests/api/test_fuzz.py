"""Whatever is sent to whatever route: no server error, and JSON comes back."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import Pets
from tests.api.problems import PROJECT, REQUESTS, SOME_ID, fill
from tests.conftest import PASSWORD, Caller

ROUNDS = 150
ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**64, -(2**70), 10**400, 0.0, -0.5, 1e308, float("nan"), float("inf"),
    "", " ", "0", "-1", "1_0", "1e999", "NaN", "true", "None", "ada", "pets", "one.png", "cat", "cat|dog", "|||", "\0",
    "a\0b", "\n", "\ud800", "\udfff\ud800", "\u202e", "\u2028", "\x7f", "../../etc/passwd", "/", "\\", "%00", "%s%n",
    "$ne", "$where", "a.b", "{x}", "'; drop table", "<script>", "猫", "👩‍🔬", "x" * 101, "x" * 2000, "AAAA", "=",
    "data:,", SOME_ID, [], [[]], ["ada"], {}, {"$ne": None}, {"$gt": ""}, {"$where": "1"}, {"a": {"b": [1]}},
    [None] * 50, PASSWORD,
]  # fmt: skip
FIELDS = sorted({field for values in REQUESTS.values() for field in values} | {"api_token", "_id", "$set", ""})
ENDS = {
    ("PATCH", "/auth"), ("PATCH", "/upload/project"), ("DELETE", PROJECT), ("PATCH", PROJECT), ("DELETE", "/api/v1/me"),
    ("DELETE", "/api/v1/login"),
}  # fmt: skip
NAMES = [SOME_ID, "x", "%00", "..", "0" * 24, "a" * 300, "é", "%ff", "$ne"]


@pytest.mark.parametrize("seed", range(6))
def test_no_request_gives_a_server_error(client: FlaskClient, caller: Caller, pets: Pets, seed: int):
    odds = random.Random(seed)
    for _ in range(ROUNDS):
        method, path = odds.choice(sorted(REQUESTS))
        if (method, path) in ENDS:
            continue  # now and then it would succeed, and leave nothing to try on
        if path.endswith(("/events", "/export")):
            continue  # a stream, which would stay open
        if path == "/ready":
            continue  # without a worker its answer is 503
        values = {name: value for name, value in REQUESTS[method, path].items() if odds.random() < 0.8}
        values |= {odds.choice(FIELDS): odds.choice(ODD) for _ in range(odds.randint(0, 3))}
        sent = _request(odds, method, values, caller.token)
        ids = {name: odds.choice([id, *NAMES]) for name, id in pets.ids.items()}
        url = fill(path, **ids, name=odds.choice(NAMES))
        response = client.open(url, method=odds.choice([method] * 9 + ["HEAD"]), **sent)
        assert response.status_code < 500, (method, url, sent, response.text)
        if response.data and response.mimetype in ("application/json", "application/problem+json"):
            assert isinstance(json.loads(response.data), (dict, list, bool)), (method, url, sent)


def _request(odds: random.Random, method: str, values: dict[str, Any], token: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if odds.random() < 0.8 else {}
    text = {name: _text(value) for name, value in values.items()}
    if method == "GET":
        return {"query_string": text, "headers": headers}
    how = odds.randrange(5)
    if how == 0:
        return {"data": text, "headers": headers}
    if how == 1:
        return {"data": text, "headers": headers, "content_type": "multipart/form-data"}
    body = json.dumps(values)
    if how == 2:
        body = body[: odds.randrange(len(body) + 1)]
    return {"data": body, "headers": headers, "content_type": "application/json"}


def _text(value: Any) -> str:
    return str(value).encode("utf-8", "replace").decode()
