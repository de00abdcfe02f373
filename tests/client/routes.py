"""Which parts of the API there are."""

from __future__ import annotations

import pytest

from api.routes import ROUTES

_PATHS = {route.path for route in ROUTES}
P = "/api/v1/projects/<project>"


def needs(*paths: str) -> pytest.MarkDecorator:
    """Skips a test of what the server does not have."""
    missing = sorted(set(paths) - _PATHS)
    return pytest.mark.skipif(bool(missing), reason=f"the server has no {', '.join(missing)}")
