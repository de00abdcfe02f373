"""Where a request comes from."""

from __future__ import annotations

from flask import request


def client_address(proxies: int) -> str:
    """The address of whoever called, behind so many proxies that are the operator's own."""
    hops = request.access_route
    return hops[-proxies] if 0 < proxies <= len(hops) else str(request.remote_addr)
