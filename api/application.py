"""Makes the Flask application out of the route table."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, request
from flask_cors import CORS

from api.errors import ProblemApi
from api.idempotency import REPLAYED
from api.moodle.backend import Backends, in_server
from api.moodle.routes import blueprint
from api.output import output_json
from api.overload import RefuseEarly
from api.platform import Platform
from api.predicting import PredictingResource
from api.request_id import REQUEST_ID
from api.request_log import log_requests
from api.routes import ROUTES, add_routes
from api.v1 import tus
from api.v1.rate_limits import LIMIT, POLICY
from api.v1.table_predictions import WARNINGS
from settings import Settings

EXPOSED = [
    "Retry-After", "Location", "ETag", "Server-Timing", "Content-Disposition", "Content-Range", REQUEST_ID, REPLAYED,
    POLICY, LIMIT, WARNINGS, *tus.EXPOSED,
]  # fmt: skip


class _Application(Flask):
    def make_default_options_response(self) -> Response:
        """The methods of the route that a path is: `images/bulk` also looks like an image of that name."""
        response = self.response_class()
        rule = request.url_rule
        response.allow.update((rule and rule.methods) or ())
        return response


def build_app(read: Callable[[], Settings], ensure: Callable[[Settings], Settings]) -> Flask:
    """The WSGI application; does no IO.

    Args:
        read: gives the settings, at first use.
        ensure: gives them with a database to use, at first use of the database.
    """
    app = _Application("DIYML", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    platform = Platform(read, ensure)
    app.extensions["diyml"] = platform

    @app.before_request
    def bound_body() -> None:
        request.max_content_length = platform.settings.max_request_bytes
        request.max_form_memory_size = platform.settings.max_request_bytes

    log_requests(app)
    predictions = [route.path for route in ROUTES if issubclass(route.resource, PredictingResource)]
    app.wsgi_app = RefuseEarly(app.wsgi_app, predictions, platform.engine_has_room, EXPOSED)  # type: ignore[method-assign]  # so Flask is wrapped
    CORS(app, expose_headers=EXPOSED, max_age=3600)
    api = ProblemApi(app, catch_all_404s=True)
    api.representation("application/json")(output_json)
    add_routes(api, platform)
    moodle = Backends(lambda: platform.settings, lambda: in_server(platform.settings, platform.services.store))
    app.register_blueprint(blueprint(moodle))
    return app
