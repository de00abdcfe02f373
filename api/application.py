"""Makes the Flask application out of the route table."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, request
from flask_cors import CORS

from api.errors import ProblemApi
from api.idempotency import REPLAYED
from api.output import output_json
from api.platform import Platform
from api.request_log import REQUEST_ID, log_requests
from api.routes import add_routes
from utils import Settings


def build_app(read: Callable[[], Settings], ensure: Callable[[Settings], Settings]) -> Flask:
    """The WSGI application; does no IO.

    Args:
        read: gives the settings, at first use.
        ensure: gives them with a database to use, at first use of the database.
    """
    app = Flask("DIYML", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    platform = Platform(read, ensure)
    app.extensions["diyml"] = platform

    @app.before_request
    def bound_body() -> None:
        request.max_content_length = platform.settings.max_request_bytes
        request.max_form_memory_size = platform.settings.max_request_bytes

    log_requests(app)
    exposed = ["Retry-After", "Location", "ETag", "Server-Timing", REQUEST_ID, REPLAYED]
    CORS(app, expose_headers=exposed, max_age=3600)
    api = ProblemApi(app, catch_all_404s=True)
    api.representation("application/json")(output_json)
    add_routes(api, platform)
    return app
