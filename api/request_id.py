"""The id of the request at hand, which every line that is logged meanwhile carries."""

from __future__ import annotations

from flask import g, has_request_context


def request_id() -> str:
    """The id, or `-` outside a request."""
    return g.get("request_id", "-") if has_request_context() else "-"
