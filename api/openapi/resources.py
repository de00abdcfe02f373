"""`/api/openapi.json`, and `/api/docs`, the page that shows it, with assets of our own."""

from __future__ import annotations

import mimetypes
from functools import cache
from importlib.resources import files

from flask import Response, current_app

from api.openapi.document import document
from api.output import json_text
from api.resource import PlatformResource
from utils import NotFound

_ASSETS = ("swagger-ui.css", "index.css", "swagger-ui-bundle.js", "favicon-32x32.png")
_START = "start.js"
_DAY_SECONDS = 24 * 60 * 60
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>DIYML API</title>
  <link rel="icon" type="image/png" href="docs/favicon-32x32.png">
  <link rel="stylesheet" href="docs/index.css">
  <link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
  <div id="api"></div>
  <noscript>This page needs JavaScript; without it, read <a href="openapi.json">openapi.json</a>.</noscript>
  <script src="docs/swagger-ui-bundle.js"></script>
  <script src="docs/start.js"></script>
</body>
</html>
"""
_SCRIPT = """\
window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  persistAuthorization: false,
  validatorUrl: null
});
"""


class OpenApiDocument(PlatformResource):
    """The description of `/api/v1`, for programs."""

    def get(self) -> Response:
        """The OpenAPI 3.1 document."""
        return Response(_text(), mimetype="application/json", headers=_cached())


class DocsPage(PlatformResource):
    """The description of `/api/v1`, for people."""

    def get(self) -> Response:
        """A page; everything that it loads comes from here."""
        return Response(_PAGE, mimetype="text/html", headers={"Content-Security-Policy": _POLICY})


class DocsAsset(PlatformResource):
    """What the page loads."""

    def get(self, name: str) -> Response:
        """A file of Swagger UI, or the script that starts it."""
        if name != _START and name not in _ASSETS:
            raise NotFound(f"the page has no file '{name}'")
        content = _SCRIPT.encode() if name == _START else (files("flask_swagger_ui") / "dist" / name).read_bytes()
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(content, mimetype=kind, headers=_cached())


@cache
def _text() -> str:
    from api.routes import ROUTES  # which names this module

    return json_text(document(ROUTES)) + "\n"


def _cached() -> dict[str, str]:
    return {} if current_app.debug else {"Cache-Control": f"public, max-age={_DAY_SECONDS}"}
