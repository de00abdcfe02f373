"""The backend as an application of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from api.moodle.backend import Backends, alone
from api.moodle.routes import blueprint
from settings import Settings


def build_moodle_app(read: Callable[[], Settings], ensure: Callable[[Settings], Settings]) -> Flask:
    """The WSGI application; does no IO.

    Args:
        read: gives the settings, at first use.
        ensure: gives them with a database to use, when one is needed.
    """
    app = Flask("moodlemlbackend", static_folder=None)
    settings = cache(read)
    app.register_blueprint(blueprint(Backends(settings, lambda: alone(settings(), ensure))))

    @app.get("/health")
    def health() -> Response:
        return Response('{"status": "ok"}', mimetype="application/json")

    @app.errorhandler(HTTPException)
    def told(error: HTTPException) -> Response:
        response = Response(error.description or "", status=error.code or 500, mimetype="text/plain")
        for name, value in error.get_headers():
            if name not in ("Content-Type", "Content-Length"):
                response.headers[name] = value
        return response

    return app
