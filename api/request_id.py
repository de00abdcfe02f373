"""The id of the request at hand, which every line that is logged meanwhile carries."""

from __future__ import annotations

import re
import secrets

from flask import g, has_request_context

REQUEST_ID = "X-Request-ID"
_ID = re.compile(r"[\w.:-]{8,64}", re.ASCII)


def request_id() -> str:
    """The id, or `-` outside a request."""
    return g.get("request_id", "-") if has_request_context() else "-"


def chosen_id(given: str) -> str:
    """That of the proxy in front, when it gives a proper one, or else a new one."""
    return given if _ID.fullmatch(given) else secrets.token_hex(8)
