"""JSON as every parser reads it."""

from __future__ import annotations

import json
import math
from typing import Any

from flask import Response


def json_text(data: Any) -> str:
    """JSON in one line; a number that it cannot write (a loss that became NaN) becomes null."""
    try:
        return json.dumps(data, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(data), allow_nan=False)


def output_json(data: Any, status: int, headers: dict[str, str] | None = None) -> Response:
    """A response."""
    return Response(json_text(data) + "\n", status, headers, mimetype="application/json")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
